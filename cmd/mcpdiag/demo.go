package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/tour"
)

func newDemoCmd(a *app) *cobra.Command {
	var cfg demo.Config
	var serve, stdio bool
	var listen, announce, dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch mcpdiag diagnose a live server, or start one to try",
		Long: `demo starts a server that does not work and one that leaks, runs mcpdiag's commands
against them, shows each command with its result, and ends with the verdict. It takes
about half a minute.

With --serve it is the server itself, at /mcp, /debug/snapshot and /health, until
Ctrl-C. It is healthy unless a fault is switched on. With --stdio it speaks over its
standard streams instead, as hosts start servers.

The faults of --fault are those that "mcpdiag doctor" names; the server then
` + faultList(),
		Example: `  mcpdiag demo
  mcpdiag demo --serve --leak-session 16MB
  mcpdiag demo --serve --fault session-lost
  mcpdiag doctor -- mcpdiag demo --stdio --fault stdout-noise`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if stdio {
				if serve {
					return usagef("--serve and --stdio are two ways to serve: choose one")
				}
				return demo.New(cfg).ServeStdio(cmd.Context(), io.NopCloser(a.stdin), nopCloser{a.stdout})
			}
			if serve {
				return serveDemo(cmd.Context(), a, cfg, listen, announce)
			}
			if err := cmp.Or(refuseServerFlags(cmd), refuseLink(cmd, dir)); err != nil {
				return err
			}
			return a.tour(cmd.Context(), dir)
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&serve, "serve", false, "run the server until Ctrl-C")
	fs.BoolVar(&stdio, "stdio", false, "run the server over the standard streams")
	fs.StringVar(&listen, "listen", "127.0.0.1:3100", "address of the listener")
	fs.StringVar(&announce, "announce", "", "write the server's URL and PID to this file when it listens")
	sizeVar(fs, &cfg.LeakSession, "leak-session", 0, "leak this much per session in which a call failed")
	sizeVar(fs, &cfg.LeakCall, "leak-call", 0, "leak this much per call")
	fs.BoolVar(&cfg.LeakAbandoned, "leak-abandoned", false, "leak the transports of expired sessions")
	fs.BoolVar(&cfg.SlowQueue, "slow-queue", false, "run one call of search at a time")
	positiveVar(fs, &cfg.Workers, "workers", 64, "concurrent calls of one tool; further calls queue")
	durationVar(fs, &cfg.ServiceTime, "service-time", 0, "duration of a call of search (default 5 to 15 ms)")
	durationVar(fs, &cfg.SessionTimeout, "session-timeout", 30*time.Second, "idle time until a session expires")
	fs.BoolVar(&cfg.JSON, "json", false, "answer as JSON instead of an event stream")
	faultVar(cmd, &cfg.Faults)
	fs.StringVarP(&dir, "output", "o", "mcpdiag-demo", "write the tour's files into this folder")
	group(fs, "Server", "serve", "stdio", "listen", "announce", "workers", "service-time", "session-timeout", "json")
	group(fs, "Faults", "leak-session", "leak-call", "leak-abandoned", "slow-queue", "fault")
	foundMaySet(fs, "workers", "service-time", "session-timeout", "json", "slow-queue")
	paths(fs, "output", "announce")
	return cmd
}

// refuseServerFlags refuses flags that the tour does not have.
func refuseServerFlags(cmd *cobra.Command) error {
	for _, flag := range []string{"listen", "announce", "leak-session", "leak-call", "leak-abandoned", "slow-queue", "workers", "service-time", "session-timeout", "json", "fault"} {
		if cmd.Flags().Changed(flag) {
			return usagef("--%s is for the server: add --serve", flag)
		}
	}
	return nil
}

// faultList describes the faults of --fault, one a line.
func faultList() string {
	t := report.Table{}
	for _, f := range demo.Faults() {
		about := f.About
		if f.Needs != "" {
			about += " (" + f.Needs + ")"
		}
		t.Row("  "+f.Name, about)
	}
	var b strings.Builder
	_ = t.Write(&b, false) // a builder accepts everything
	return strings.TrimRight(b.String(), "\n")
}

// faultVar adds the flag --fault, which may be repeated.
func faultVar(cmd *cobra.Command, names *[]string) {
	parse := func(text string) ([]string, error) {
		all := *names
		for name := range strings.SplitSeq(text, ",") {
			if err := demo.CheckFault(name); err != nil {
				return nil, err
			}
			all = append(all, name)
		}
		return all, nil
	}
	cmd.Flags().Var(value[[]string]{names, "name", parse, commas}, "fault", "switch a fault on; may be repeated")
	complete(cmd, "fault", demo.FaultNames)
}

// nopCloser keeps standard output open.
type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// tour runs the tour. Its commands ignore the environment and config files.
func (a *app) tour(ctx context.Context, dir string) error {
	program, err := program()
	if err != nil {
		return err
	}
	return tour.Run(ctx, tour.Config{
		Dir: dir, Out: a.stdout, Paint: a.painter(a.stdout), Program: program, Env: sealedApp().childEnv(),
		Command: func(ctx context.Context, args []string, stdout, stderr io.Writer) (bool, error) {
			code := sealedApp().run(ctx, args, stdout, stderr)
			if code != exitOK && code != exitFinding {
				return false, fmt.Errorf("ended with exit code %d", code)
			}
			return code == exitFinding, nil
		},
		Verdict: func(folder string) (sentence, page string, err error) {
			res, err := leaktest.Load(ctx, folder)
			if err != nil {
				return "", "", err
			}
			return res.Sentence, filepath.Join(folder, leaktest.ReportFile), nil
		},
	})
}

func serveDemo(ctx context.Context, a *app, cfg demo.Config, listen, announce string) error {
	l, err := a.listen(ctx, listen)
	if err != nil {
		return err
	}
	url := "http://" + l.Addr().String()
	a.note("mcpdiag demo server at %s (MCP %s, snapshot %s), pid %d; Ctrl-C ends it", url, mcpPath, snapshotPath, os.Getpid())
	if err := a.announceTo(announce, url); err != nil {
		return err
	}
	return demo.New(cfg).Serve(ctx, l)
}
