package leaktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// server is the process that is tested.
type server struct {
	child *process.Child // nil where it ran already
	info  process.Info
	tree  *process.Tree
	name  string // by which it was found, where it ran already
	env   []string
	pipe  io.ReadWriteCloser // its standard streams, where it speaks over them
	line  *mcp.Session       // the session over them
}

// attach finds the server that runs, or starts the command. What the command
// says goes to log.
func attach(ctx context.Context, cfg *Config, log io.Writer) (*server, error) {
	switch {
	case len(cfg.Command) > 0:
		return launch(ctx, cfg, log)
	case cfg.PID != 0:
		info, err := process.Lookup(cfg.PID)
		if err != nil {
			return nil, err
		}
		return watchOver(info)
	}
	found, err := process.Find(cfg.Name)
	if err != nil {
		return nil, err
	}
	if found, err = process.Choose(cfg.Name, found, cfg.Match); err != nil {
		return nil, err
	}
	s, err := watchOver(found[0])
	if err != nil {
		return nil, err
	}
	s.name = cfg.Name
	return s, nil
}

func watchOver(info process.Info) (*server, error) {
	tree, err := process.Open(info.ID)
	if err != nil {
		return nil, fmt.Errorf("watching process %d: %w", info.PID, err)
	}
	return &server{info: info, tree: tree}, nil
}

// launch starts the command and waits until it speaks MCP. To calm the heap of
// a runtime it must be known how much the server needs: it is started twice.
func launch(ctx context.Context, cfg *Config, log io.Writer) (*server, error) {
	if err := portFree(ctx, cfg); err != nil {
		return nil, err
	}
	var env []string
	if cfg.Stabilize {
		limit := cfg.HeapLimit
		if limit == 0 {
			s, err := start(ctx, cfg, log, nil)
			if err != nil {
				return nil, err
			}
			limit = heapLimit(s)
			s.stop()
		}
		env = calmHeap(limit)
	}
	return start(ctx, cfg, log, env)
}

// portFree is an error where something answers already at the address at which
// the command is to listen: it would be loaded in the command's place.
func portFree(ctx context.Context, cfg *Config) error {
	if cfg.Stdio {
		return nil
	}
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", hostPort(cfg))
	if err != nil {
		return nil //nolint:nilerr // nobody is there, as it should be
	}
	_ = conn.Close()
	return fmt.Errorf("something listens at %s already, before the command was started; stop it, let the command take another port with --url, "+
		"or test what runs with --pid", hostPort(cfg))
}

func hostPort(cfg *Config) string {
	port := cfg.URL.Port()
	if port == "" {
		port = map[string]string{"https": "443"}[cfg.URL.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(cfg.URL.Hostname(), port)
}

func start(ctx context.Context, cfg *Config, log io.Writer, env []string) (*server, error) {
	command := process.Command{Args: cfg.Command, Env: env, Stdout: log, Stderr: log}
	s := &server{env: env}
	if cfg.Stdio {
		if err := s.wire(&command); err != nil {
			return nil, err
		}
	}
	child, err := process.Start(command)
	if err != nil {
		return nil, err
	}
	if f, ok := command.Stdin.(*os.File); ok {
		_ = f.Close() // the child has its own
	}
	s.child, s.info = child, child.Info
	if err := s.ready(ctx, cfg); err != nil {
		s.stop()
		return nil, err
	}
	// A launcher may have become another program since.
	if info, err := process.Lookup(child.PID()); err == nil {
		s.info = info
	}
	if s.tree, err = process.Open(s.info.ID); err != nil {
		s.stop()
		return nil, fmt.Errorf("watching %s: %w", cfg.Command[0], err)
	}
	return s, nil
}

// wire connects the command's standard streams.
func (s *server) wire(command *process.Command) error {
	in, to, err := os.Pipe()
	if err != nil {
		return err
	}
	from, out := io.Pipe()
	command.Stdin, command.Stdout = in, out
	s.pipe = streams{from, to}
	return nil
}

// streams are the standard streams of a command, from outside.
type streams struct {
	*io.PipeReader
	in *os.File
}

func (s streams) Write(p []byte) (int, error) { return s.in.Write(p) }

// Close closes the command's standard input: it should end then.
func (s streams) Close() error { return s.in.Close() }

// tryEvery is the time from one look whether a server is ready to the next.
const tryEvery = 50 * time.Millisecond

// ready waits until the server answers a real handshake: that it listens says little.
func (s *server) ready(ctx context.Context, cfg *Config) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Ready, errNotReady)
	defer cancel()
	var last error
	for {
		err := s.greet(ctx, cfg)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil { // one that was cut short says less than the one before
			last = err
		}
		select {
		case <-s.child.Done():
			return &unreadyError{fmt.Sprintf("the command ended before it spoke MCP: %s", s.child.Exit().Text), nil}
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errNotReady) {
				return &unreadyError{s.unready(cfg, last), last}
			}
			return errors.New("interrupted while the server was starting")
		case <-time.After(tryEvery):
		}
	}
}

// unreadyError is that a command was started and did not come up. What it said
// may tell why.
type unreadyError struct {
	text  string
	cause error
}

func (e *unreadyError) Error() string { return e.text }
func (e *unreadyError) Unwrap() error { return e.cause }

// unready says that the command was not ready in time, because of err.
func (s *server) unready(cfg *Config, err error) string {
	if cfg.Stdio {
		return fmt.Sprintf("the command did not speak MCP over its standard streams within %s: %v; --ready-timeout waits longer", cfg.Ready, err)
	}
	why := err.Error()
	if errors.Is(err, syscall.ECONNREFUSED) {
		why = "nothing listens there"
	}
	return fmt.Sprintf("the command did not speak MCP at %s within %s: %s; {port} in the command stands for the port to take, as in "+
		"-- env PORT={port} node server.js; --url says where it speaks MCP, --ready-timeout waits longer", where(cfg), cfg.Ready, why)
}

var errNotReady = errors.New("not ready")

func where(cfg *Config) string {
	if cfg.Stdio {
		return "its standard streams"
	}
	return client.RedactURL(cfg.URL)
}

// greet is one handshake.
func (s *server) greet(ctx context.Context, cfg *Config) error {
	patience := max(2*time.Second, cfg.Ready/3)
	if s.pipe != nil {
		patience = cfg.Ready // there is one try only: what was sent will be read
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ep := mcp.Endpoint{HTTP: cfg.Client.HTTP(), URL: cfg.URL.String()}
	if s.pipe != nil {
		ep = mcp.Endpoint{Start: func(context.Context) (io.ReadWriteCloser, error) { return s.pipe, nil }}
	}
	session, err := mcp.Connect(ctx, ep, cfg.Protocol)
	if err != nil {
		return err
	}
	if s.pipe != nil {
		s.line = session
		return nil
	}
	_ = session.Close(ctx) // the server may not allow it
	return nil
}

// collected is how long the system may take to hand out an exit status.
const collected = 2 * time.Second

// memory is what the server and its descendants hold now, in MB; 0 when it has ended.
func (s *server) memory() float64 {
	m, err := s.tree.Read()
	if err != nil {
		return 0
	}
	return float64(m.Total.RSS) / mib
}

// stop ends what was started; a server that ran before goes on.
func (s *server) stop() {
	if s.tree != nil {
		s.tree.Close()
	}
	if s.child == nil {
		return
	}
	if s.pipe != nil {
		_ = s.pipe.Close()
	}
	s.child.Stop()
}

// again says that a server that was found by its name runs again.
func (s *server) again() string {
	if s.name == "" {
		return ""
	}
	found, err := process.Find(s.name)
	found = slices.DeleteFunc(found, func(i process.Info) bool { return i.ID == s.info.ID })
	if err != nil || len(found) == 0 {
		return ""
	}
	return fmt.Sprintf("; it runs again as process %d, with none of the memory that was measured", found[0].PID)
}

// end says how the server ended, "" while it lives.
func (s *server) end() string {
	_, err := s.tree.Read()
	gone := errors.Is(err, process.ErrEnded)
	if s.child == nil {
		if gone {
			return fmt.Sprintf("the server, process %d, ended during the run; why, its own log may say%s", s.info.PID, s.again())
		}
		return ""
	}
	patience := time.Duration(0)
	if gone { // its exit status is a moment away
		patience = collected
	}
	select {
	case <-s.child.Done():
	case <-time.After(patience):
		if gone {
			return "the server ended during the run"
		}
		return ""
	}
	exit := s.child.Exit()
	text := "the server ended during the run: " + exit.Text
	if exit.Signal == "killed" {
		text += "; when nobody did that, the machine or its control group was out of memory"
	}
	return text
}
