package leaktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// server is the process that is tested.
type server struct {
	child *process.Child // nil where it ran already
	info  process.Info
	tree  *process.Tree
	name  string    // by which it was found, where it ran already
	since time.Time // when it was found
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
	s.name, s.since = cfg.Name, time.Now()
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
	found = slices.DeleteFunc(found, func(i process.Info) bool { return i.ID == s.info.ID || i.Started.Before(s.since) })
	if err != nil || len(found) == 0 {
		return ""
	}
	return fmt.Sprintf("; it runs again as process %d, with none of the memory that was measured", found[0].PID)
}

// endedByItself reports whether the command ended without being killed: what is
// killed says nothing of it.
func (s *server) endedByItself() bool {
	if s.child == nil {
		return false
	}
	select {
	case <-s.child.Done():
		return s.child.Exit().Signal != killed
	default:
		return false
	}
}

// killed is what SIGKILL is called.
const killed = "killed"

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
	if exit.Signal == killed {
		text += "; when nobody did that, the machine or its control group was out of memory"
	}
	return text
}
