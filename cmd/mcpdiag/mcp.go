package main

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/assist"
	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// assistant is one run of the mcp command.
type assistant struct {
	a                *app
	conn             connection
	cfg              assist.Config
	allow            []string
	config           string
	listen, announce string
}

func newMCPCmd(a *app) *cobra.Command {
	s := assistant{a: a}
	cmd := &cobra.Command{
		SuggestFor: []string{"assistant", "serve"},
		Use:        "mcp",
		Short:      "Let an assistant diagnose: mcpdiag as an MCP server",
		Long: `mcp is an MCP server on standard input and output, or with --listen over HTTP on a
loopback address. Its tools are commands of mcpdiag: doctor, snapshot, diff, logs,
flame_findings, monitor, judge, heap_diff, deps and metrics. All of them only read.
loadtest and leaktest are there with --allow-load alone.

An assistant reaches servers on this machine and those of --allow, and the files below
--root. Credentials (-H, --token-file, MCPDIAG_TOKEN) are sent to the servers of --allow
alone; addresses of dependencies come from the variables that deps reads, such as
DATABASE_URL, and from --from-config. No tool takes a credential, and none is in a result.
What servers, logs and files said is marked as data in each result.`,
		Example: `  mcpdiag mcp --root .
  mcpdiag mcp --allow https://mcp.example.com --token-file token.txt
  mcpdiag mcp --listen 127.0.0.1:3200
  claude mcp add mcpdiag -- mcpdiag mcp --root /var/log/mcp`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context()) },
	}
	fs := cmd.Flags()
	fs.StringVar(&s.cfg.Root, "root", "", "let the tools read the files below this folder")
	fs.StringArrayVar(&s.allow, "allow", nil, "let the tools talk to the server at this URL; repeatable")
	fs.BoolVar(&s.cfg.AllowLoad, "allow-load", false, "offer loadtest and leaktest, with caps")
	fs.StringVar(&s.config, "from-config", "", "let deps check the dependencies that the servers of this mcp.json name")
	fs.StringVar(&s.listen, "listen", "", "serve HTTP at this loopback address, such as 127.0.0.1:3200, instead of standard streams")
	fs.StringVar(&s.announce, "announce", "", "write the URL of --listen and the PID to this file")
	s.conn.addCredentialFlags(fs)
	addTrustFlags(fs, &s.conn.tls)
	group(fs, "Bounds", "root", "allow", "allow-load", "from-config")
	group(fs, "Transport", "listen", "announce")
	paths(fs, "root", "from-config", "announce")
	return cmd
}

func (s *assistant) run(ctx context.Context) error {
	if err := s.configure(); err != nil {
		return err
	}
	if s.listen == "" {
		return assist.New(ctx, s.cfg).ServeStreams(ctx, s.a.stdin, s.a.stdout)
	}
	if at, err := netip.ParseAddrPort(s.listen); err != nil || !at.Addr().IsLoopback() {
		return usagef("--listen %q is no loopback address with a port, such as 127.0.0.1:3200", s.listen)
	}
	l, err := s.a.listen(ctx, s.listen)
	if err != nil {
		return err
	}
	address := "http://" + l.Addr().String() + mcpPath
	s.a.note("mcpdiag serves MCP at %s, pid %d; Ctrl-C ends it", address, os.Getpid())
	if err := s.a.announceTo(s.announce, address); err != nil {
		return err
	}
	return assist.New(ctx, s.cfg).ServeHTTP(ctx, l)
}

// configure fills in the bounds that the flags and the environment set.
func (s *assistant) configure() (err error) {
	if s.announce != "" && s.listen == "" {
		return usagef("--announce is for --listen")
	}
	if s.cfg.Root != "" {
		if info, err := os.Stat(s.cfg.Root); err != nil || !info.IsDir() {
			return usagef("--root %s: not a folder", report.Line(s.cfg.Root))
		}
		if s.cfg.Root, err = filepath.Abs(s.cfg.Root); err != nil {
			return err
		}
	}
	for _, address := range s.allow {
		u, err := client.ParseTarget(address, "/")
		if err != nil {
			return usagef("--allow: %w", err)
		}
		if u.User != nil || len(client.SecretsIn(u)) > 0 {
			return usagef("--allow: the address holds a credential; use --token-file or -H 'Name: @file'")
		}
		s.cfg.Allow = append(s.cfg.Allow, u)
	}
	header, fromFiles, err := s.conn.header(s.a)
	if err != nil {
		return err
	}
	if given := len(s.conn.headers) > 0 || s.conn.tokenFile != "" || s.conn.tls.Cert != ""; given && len(s.cfg.Allow) == 0 {
		return usagef("credentials are sent to the servers of --allow alone: name one")
	}
	s.a.secrets = client.SecretsOf(header, fromFiles...)
	s.cfg.Secrets = fromFiles
	s.cfg.Client = s.conn.transport(s.a)
	s.cfg.Client.Header = header
	s.cfg.Version, s.cfg.Log = version(), func(line string) { s.a.debug("%s", line) }
	if _, err := client.TLS(s.cfg.Client); err != nil {
		return err
	}
	s.cfg.Deps = s.a.dependencies()
	if s.config != "" {
		more, err := s.a.dependenciesOf(s.config)
		s.cfg.Deps = append(s.cfg.Deps, more...)
		return err
	}
	return nil
}
