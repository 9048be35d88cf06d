package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/logs"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/proxy"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// childStatus is the exit status of a wrapped server, which becomes mcpdiag's.
type childStatus int

func (s childStatus) Error() string {
	return fmt.Sprintf("the server ended with exit status %d", int(s))
}

// wrap runs the proxy around a server on standard input and output. The three streams
// are the server's, but that our own token, which it inherits, is blanked on standard
// error; when it has ended, its last error is said once more on standard
// error, with the remedy if the fault is known.
func (f *proxyFlags) wrap(ctx context.Context, command []string) error {
	if f.cfg.MaxInFlight > 0 {
		return usagef("--max-in-flight goes with --to")
	}
	if f.cfg.Probe {
		return usagef("--probe-orphans goes with --to; a command has one client")
	}
	if f.pid != 0 || f.name != "" {
		return usagef("--pid and --name go with --to; of a command the PID is known")
	}
	if f.listen == "" {
		f.listen = "127.0.0.1:0"
	}
	f.cfg.Name = nameOf(command)
	l, address, err := f.open(ctx)
	if err != nil {
		return err
	}
	f.a.debug("mcpdiag proxy at %s around %s, pid %d", address, f.cfg.Name, os.Getpid())
	unregister := f.register(address)
	f.cfg.ErrorLog = log.New(logTo(f.a.debug), "", 0)
	f.cfg.OnWarning = func(text string) { f.a.debug("%s", text) }
	f.cfg.LastError = func(log []byte) string {
		last, err := logs.LastWordsOf(log)
		if err != nil || !last.Failed {
			return ""
		}
		return report.Cell(f.a.secrets.Redact(last.Line), lastErrorWidth)
	}
	p := proxy.New(f.cfg)
	launch.IgnoreBrokenPipes()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, launch.Forwarded()...)
	wrapped, err := p.Wrap(launch.Command{Args: command}, proxy.Streams{In: f.a.stdin, Out: f.a.stdout.w, Err: f.a.guard(f.a.stderr.w)})
	if err != nil {
		unregister()
		return err
	}
	server := wrapped.Child()
	go func() {
		for sig := range signals {
			server.Signal(sig)
		}
	}()
	go func() { _ = p.Serve(ctx, l) }()          // the server runs on if it fails
	_ = wrapped.Wait(context.WithoutCancel(ctx)) // signals are passed to the server
	unregister()
	f.a.warn(lastWords("server", wrapped.Log())...)
	if status := server.Follow(); status != 0 {
		return childStatus(status)
	}
	return nil
}

// nameOf returns the name of a command. Its arguments may hold secrets, so it
// names only the program and the script or package that it runs, if that is first.
func nameOf(command []string) string {
	name := filepath.Base(command[0])
	for _, arg := range command[1:] {
		if arg == "-y" || arg == "--yes" || arg == "-m" || arg == "run" {
			continue
		}
		if strings.HasPrefix(arg, "-") || strings.ContainsAny(arg, "=:") {
			break
		}
		return name + " " + filepath.Base(arg)
	}
	return name
}

// lastErrorWidth is the width of a line of a server's log in a warning.
const lastErrorWidth = 300

// lastWords returns the last error in the end of the log of a server that mcpdiag
// started, and the known faults in it with their remedies.
func lastWords(of string, log []byte) []string {
	last, err := logs.LastWordsOf(log)
	if err != nil || !last.Failed {
		return nil
	}
	warnings := []string{"the " + of + "'s last error: " + report.Cell(last.Line, lastErrorWidth)}
	for _, advice := range last.Advice() {
		warnings = append(warnings, "known fault: "+advice)
	}
	return warnings
}
