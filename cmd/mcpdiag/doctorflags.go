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
	case d.slowTool == "" && d.more.tool == "" && d.slowArgs != "":
		return usagef("--args are those of --call or --slow-tool")
	case !gather.ValidArgs(d.slowArgs):
		return usagef("--args: not a JSON object")
	case d.burst > gather.MaxBurst:
		return usagef("--burst: at most %d requests; mcpdiag loadtest sends more", gather.MaxBurst)
	case len(d.also) > gather.MaxAlso:
		return usagef("--also: at most %d dependencies", gather.MaxAlso)
	case d.quick && (d.deep || d.slowTool != "" || d.burst > 0):
		return usagef("--quick leaves out what --deep, --slow-tool and --burst ask for")
	case len(d.command) > 0 && (d.deep || d.slowTool != "" || d.burst > 0 || len(d.also) > 0):
		return usagef("--deep, --slow-tool, --burst and --also are for servers that listen")
	case d.ready > 0 && (len(d.command) > 0 || d.replay != "" || d.servers != ""):
		return usagef("--ready-timeout is for one address; a command gets a minute to answer (--deadline)")
	}
	return nil
}

// checkServers checks that the other flags hold for several servers.
func (d *examiner) checkServers() error {
	switch {
	case len(d.command) > 0, d.replay != "":
		return usagef("--servers names the servers; leave the command and --replay out")
	case d.save != "", d.baseline != "", d.deep, d.slowTool != "", d.burst > 0, len(d.also) > 0:
		return usagef("--save, --baseline, --deep, --slow-tool, --burst and --also are for one server")
	case len(d.conn.headers) > 0, d.conn.tokenFile != "", d.conn.tokenCmd != "", d.conn.tls.Cert != "":
		return usagef("the servers of a file get the credentials that the file has, and no others")
	}
	return nil
}

// dependencies is the flag --also.
type dependencies []gather.Dependency

func (d *dependencies) Set(text string) error {
	one, err := gather.ParseDependency(text)
	if err == nil {
		*d = append(*d, one)
	}
	return err
}

func (d *dependencies) String() string { return "" }
func (d *dependencies) Type() string   { return "name=url" }

// clientName is the flag --client.
type clientName string

func (c *clientName) Set(text string) error {
	names := doctor.ClientNames()
	for _, name := range names {
		if strings.EqualFold(name, text) {
			*c = clientName(name)
			return nil
		}
	}
	return fmt.Errorf("no client %q is known%s; there are %s", text, report.DidYouMean(report.Closest(text, names)), strings.Join(names, ", "))
}

func (c *clientName) String() string { return string(*c) }
func (c *clientName) Type() string   { return "name" }

func clientVar(cmd *cobra.Command, fs *pflag.FlagSet, name *string) {
	fs.Var((*clientName)(name), "client", "judge whether this client would refuse the server: "+strings.Join(doctor.ClientNames(), ", "))
	// It fails only for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("client", cobra.FixedCompletions(doctor.ClientNames(), cobra.ShellCompDirectiveNoFileComp))
}
