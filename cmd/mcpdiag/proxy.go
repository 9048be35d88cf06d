package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/proxy"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// proxyFlags are the flags of mcpdiag proxy.
type proxyFlags struct {
	a                *app
	to               string
	listen, announce string
	pid              int
	name             string
	cfg              proxy.Config
	tls              client.Config
}

func newProxyCmd(a *app) *cobra.Command {
	f := &proxyFlags{a: a}
	cmd := &cobra.Command{
		Use:   "proxy (--to URL | -- COMMAND [ARGUMENT…])",
		Short: "See inside a server that exposes nothing, from the traffic",
		Long: `proxy runs before an MCP server, or around one that speaks on standard input and
output. It passes every message unchanged and serves at /debug/snapshot what the
traffic shows: sessions, streams, requests in flight and their tools, errors.
/metrics has the same for Prometheus. Every other command works on it.

Requests for host names and from origins that are not local are refused.`,
		Example: `  mcpdiag proxy --to http://localhost:3000
  mcpdiag proxy -- npx -y @modelcontextprotocol/server-everything
  mcpdiag poll http://localhost:3100`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, command []string) error {
			if err := refuseNothing(cmd, command); err != nil {
				return err
			}
			switch {
			case len(command) > 0 && f.to != "", len(command) == 0 && f.to == "":
				return usagef("name one server: --to URL, or its command after --")
			case len(command) > 0:
				if err := errors.Join(refuseMistypedProgram(cmd, command[0]), refusePort(cmd, command)); err != nil {
					return err
				}
				return f.wrap(cmd.Context(), command)
			}
			return f.serve(cmd.Context())
		},
	}
	f.addFlags(cmd.Flags())
	cmd.Flags().SetInterspersed(false) // arguments after the command belong to it, with or without --
	cmd.AddCommand(newProxyListCmd(a))
	return cmd
}

func (f *proxyFlags) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&f.to, "to", "", "URL of the server; request paths are passed through unchanged")
	fs.StringVar(&f.listen, "listen", "", "listen at this address (default 127.0.0.1:3100, for a command a free port)")
	fs.StringVar(&f.announce, "announce", "", "write the proxy's URL and PID to this file when it listens")
	positiveVar(fs, &f.pid, "pid", 0, "read the memory of this process (default: the one that listens at a local --to)")
	fs.StringVar(&f.name, "name", "", "read the memory of the process with this name; found again when it restarts")
	fs.IntVar(&f.cfg.MaxInFlight, "max-in-flight", 0, "pass at most this many tool calls to the server at a time, hold the others back")
	durationVar(fs, &f.cfg.Idle, "idle", 10*time.Minute, "idle time after which a session counts as orphaned")
	fs.BoolVar(&f.cfg.Probe, "probe-orphans", false, "ping once in each orphaned session to learn whether the server still holds it")
	fs.StringArrayVar(&f.cfg.Guard.Hosts, "allow-host", nil, "also answer for this host name; repeatable")
	fs.StringArrayVar(&f.cfg.Guard.Origins, "allow-origin", nil, "also answer pages of this origin, * for all; repeatable")
	group(fs, "Server", "to", "pid", "name")
	group(fs, "Listener", "listen", "announce", "allow-host", "allow-origin")
	group(fs, "Sessions and calls", "idle", "probe-orphans", "max-in-flight")
	addTrustFlags(fs, &f.tls)
	foundMaySet(fs, "idle", "max-in-flight")
	paths(fs, "announce")
}

// serve runs the proxy before a server that listens.
func (f *proxyFlags) serve(ctx context.Context) (err error) {
	if f.cfg.Probe && f.cfg.Idle <= 0 {
		return usagef("--probe-orphans needs --idle, the time after which a session is orphaned")
	}
	if f.cfg.To, err = client.ParseTarget(f.to, "/"); err != nil {
		return usageError{err}
	}
	if f.cfg.TLS, err = client.TLS(f.a.trust(f.tls)); err != nil {
		return err
	}
	f.a.warnInsecure(&f.tls)
	if f.cfg.Process, err = f.process(f.cfg.To); err != nil {
		return err
	}
	if f.listen == "" {
		f.listen = "127.0.0.1:3100"
	}
	f.cfg.Name = client.RedactURL(f.cfg.To)
	f.cfg.ErrorLog = log.New(logTo(f.a.debug), "", 0)
	f.cfg.OnChange = f.reportChange
	f.cfg.OnWarning = func(text string) { f.a.warn(text) }
	l, address, err := f.open(ctx)
	if err != nil {
		return err
	}
	f.a.note("mcpdiag proxy at %s before %s (snapshot %s, metrics /metrics), pid %d; Ctrl-C ends it", address, f.cfg.Name, snapshotPath, os.Getpid())
	defer f.register(address)()
	return proxy.New(f.cfg).Serve(ctx, l)
}

// open listens and announces the address.
func (f *proxyFlags) open(ctx context.Context) (l net.Listener, address string, err error) {
	if _, err := net.ResolveTCPAddr("tcp", f.listen); err != nil {
		return nil, "", usagef("--listen %q is no address such as 127.0.0.1:3100 or :3100", f.listen)
	}
	if l, err = f.a.listen(ctx, f.listen); err != nil {
		return nil, "", err
	}
	at, _ := netip.ParseAddrPort(l.Addr().String()) // it is one
	f.cfg.Guard.Private = at.Addr().IsLoopback()
	if at.Addr().IsUnspecified() {
		at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	address = "http://" + at.String()
	return l, address, f.a.announceTo(f.announce, address)
}

// reportChange reports that the server is unreachable, or reachable again.
func (f *proxyFlags) reportChange(u snapshot.Upstream, lasted time.Duration) {
	if u.Failing {
		f.a.warn(fmt.Sprintf("the server at %s cannot be reached: %s", u.To, u.LastError))
		return
	}
	f.a.note("the server at %s is back after %s", u.To, report.Duration(lasted))
}

// process returns the server's process: the named one, or the process that
// listens at a local address.
func (f *proxyFlags) process(to *url.URL) (*proxy.Process, error) {
	target := process.Target{PID: f.pid, Name: f.name}
	switch {
	case f.pid != 0 && f.name != "":
		return nil, usagef("name the process with one of --pid and --name")
	case f.pid == 0 && f.name == "":
		port, err := strconv.Atoi(to.Port())
		if err != nil || !client.IsLoopback(to.Hostname()) {
			return nil, nil //nolint:nilerr,nilnil // the process of a remote server is not known
		}
		return &proxy.Process{Target: process.Target{Port: port}}, nil
	}
	_, err := target.Find()
	if several, ok := errors.AsType[*process.AmbiguousError](err); ok {
		f.a.listProcesses(several.Found)
	}
	if f.name != "" && errors.Is(err, process.ErrNoMatch) {
		f.a.warn(fmt.Sprintf("no process named %q runs; its memory shows when there is one", f.name))
		err = nil
	}
	return &proxy.Process{Target: target}, err
}

// logTo is a writer of log lines.
type logTo func(format string, args ...any)

// Write implements io.Writer.
func (l logTo) Write(p []byte) (int, error) {
	l("%s", p)
	return len(p), nil
}
