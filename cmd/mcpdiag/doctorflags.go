package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/doctor"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
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

// doctorExtras are the flags of doctor that let it do more than look.
type doctorExtras struct {
	tool      string
	readOnly  bool
	minimal   bool
	refresh   string
	clientID  string
	clientKey string
}

func (e *doctorExtras) addFlags(fs *pflag.FlagSet, probes *gather.Options) {
	fs.StringVar(&e.tool, "call", "", "call this tool once")
	fs.BoolVar(&e.readOnly, "call-read-only", false, "call the first tool that says that it only reads")
	fs.BoolVar(&e.minimal, "minimal-env", false, "start the command again with the short environment of desktop clients, such as HOME and a short PATH")
	fs.BoolVar(&probes.ExpectAuth, "expect-auth", false, "fail if tools can be listed without a token")
	fs.StringVar(&e.refresh, "refresh-token-file", "", "spend the refresh token in this file; one that replaces it is written there")
	fs.StringVar(&e.clientID, "client-id", "", "client id for --refresh-token-file")
	fs.StringVar(&e.clientKey, "client-secret-file", "", "file with the client secret for --refresh-token-file")
	group(fs, "More probes", "call", "call-read-only", "minimal-env", "expect-auth", "refresh-token-file", "client-id", "client-secret-file")
	foundMaySet(fs, "expect-auth")
	paths(fs, "refresh-token-file", "client-secret-file")
}

// check finds flags that exclude or need each other.
func (e *doctorExtras) check(command []string) error {
	switch {
	case e.tool != "" && e.readOnly:
		return usagef("--call and --call-read-only exclude each other: one tool is called")
	case e.minimal && len(command) == 0:
		return usagef("--minimal-env needs a command after --")
	case e.refresh != "" && len(command) > 0:
		return usagef("--refresh-token-file needs an address")
	case e.clientID != "" && e.refresh == "":
		return usagef("--client-id is for --refresh-token-file, which is not set")
	case e.clientKey != "" && e.clientID == "":
		return usagef("--client-secret-file needs --client-id")
	}
	return nil
}

// call returns the call that the flags ask for, nil for none.
func (e *doctorExtras) call(args string) *gather.Call {
	if e.tool == "" && !e.readOnly {
		return nil
	}
	return &gather.Call{Name: e.tool, Arguments: args}
}

// refreshToken reads the refresh token, and warns that it is spent.
func (e *doctorExtras) refreshToken(a *app) (*facts.Refresh, error) {
	if e.refresh == "" {
		return nil, nil //nolint:nilnil // none is wanted
	}
	r := &facts.Refresh{ClientID: e.clientID}
	var err error
	if r.Token, err = secretFile(a, e.refresh); err != nil {
		return nil, fmt.Errorf("reading --refresh-token-file: %w", err)
	}
	a.secrets = append(a.secrets, r.Token)
	if e.clientKey != "" {
		if r.ClientSecret, err = secretFile(a, e.clientKey); err != nil {
			return nil, fmt.Errorf("reading --client-secret-file: %w", err)
		}
		a.secrets = append(a.secrets, r.ClientSecret)
	}
	a.warn("the refresh token is spent: a client that holds the same one may have to log in again")
	if e.refresh == "-" {
		return r, nil
	}
	r.Rotated = func(token string) {
		err := a.write(e.refresh, func(w io.Writer) error {
			_, err := io.WriteString(w, strings.TrimSpace(token)+"\n")
			return err
		})
		if err != nil {
			a.warn("the new refresh token could not be written: " + err.Error())
		}
	}
	return r, nil
}
