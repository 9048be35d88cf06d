package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/doctor"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// checkProbes checks the flags of more probes.
func (d *examiner) checkProbes() error {
	switch {
	case d.probes.SlowTool == "" && d.more.tool == "" && d.probes.SlowArgs != "":
		return usagef("--args are those of --call or --slow-tool")
	case !gather.ValidArgs(d.probes.SlowArgs):
		return usagef("--args: not a JSON object")
	case d.probes.Burst > gather.MaxBurst:
		return usagef("--burst: at most %d requests; mcpdiag loadtest sends more", gather.MaxBurst)
	case len(d.probes.Also) > gather.MaxAlso:
		return usagef("--also: at most %d dependencies", gather.MaxAlso)
	case d.probes.Quick && (d.probes.Deep || d.probes.SlowTool != "" || d.probes.Burst > 0):
		return usagef("--quick leaves out what --deep, --slow-tool and --burst ask for")
	case len(d.command) > 0 && (d.probes.Deep || d.probes.SlowTool != "" || d.probes.Burst > 0 || len(d.probes.Also) > 0):
		return usagef("--deep, --slow-tool, --burst and --also are for servers that listen")
	case d.probes.Ready > 0 && (len(d.command) > 0 || d.replay != "" || d.servers != ""):
		return usagef("--ready-timeout is for one address; a command gets a minute to answer (--deadline)")
	}
	return nil
}

// checkServers checks that the other flags hold for several servers.
func (d *examiner) checkServers() error {
	switch {
	case len(d.command) > 0, d.replay != "":
		return usagef("--servers names the servers; leave the command and --replay out")
	case d.save != "", d.baseline != "", d.probes.Deep, d.probes.SlowTool != "", d.probes.Burst > 0, len(d.probes.Also) > 0:
		return usagef("--save, --baseline, --deep, --slow-tool, --burst and --also are for one server")
	case len(d.conn.headers) > 0, d.conn.tokenFile != "", d.conn.tokenCmd != "", d.conn.tls.Cert != "":
		return usagef("the servers of a file get the credentials that the file has, and no others")
	}
	return nil
}

// alsoVar adds the flag --also.
func alsoVar(fs *pflag.FlagSet, all *[]gather.Dependency) {
	parse := func(text string) ([]gather.Dependency, error) {
		one, err := gather.ParseDependency(text)
		return append(*all, one), err
	}
	show := func([]gather.Dependency) string { return "" }
	fs.Var(value[[]gather.Dependency]{all, "name=url", parse, show}, "also", "reach for a server that this one depends on: NAME=tcp://host:port, or tls, https; may be repeated")
}

// clientVar adds the flag --client.
func clientVar(cmd *cobra.Command, name *string) {
	names := doctor.ClientNames()
	parse := func(text string) (string, error) {
		for _, name := range names {
			if strings.EqualFold(name, text) {
				return name, nil
			}
		}
		return "", fmt.Errorf("no client %q is known%s; there are %s", text, report.DidYouMean(report.Closest(text, names)), strings.Join(names, ", "))
	}
	show := func(name string) string { return name }
	cmd.Flags().Var(value[string]{name, "name", parse, show}, "client", "judge whether this client would refuse the server: "+strings.Join(names, ", "))
	complete(cmd, "client", doctor.ClientNames)
}
