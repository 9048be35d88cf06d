package leaktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
)

// server is the process under test.
type server struct {
	child     *launch.Child // nil if it was running already
	conn      *launch.Conn  // the child, if it may speak over its standard streams
	session   *mcp.Session  // the session over them
	guess     *guess        // nil if the transport of the child is known
	info      process.Info
	tree      *process.Tree
	target    process.Target // by which it was found, if it was running already
	since     time.Time      // when it was found
	env       []string       // variables set for it
	heapLimit int64          // set for it, 0 for none
	hook      *live.Hook     // of its Python processes, nil for none
}

// attach finds the running server, or starts the command. The output of the command
// goes to log.
func attach(ctx context.Context, cfg *Config, log io.Writer) (*server, error) {
	if len(cfg.Command) > 0 {
		return startReady(ctx, cfg, log)
	}
	found, err := cfg.Target.Find()
	if err != nil {
		return nil, err
	}
	s, err := open(found[0])
	if err != nil {
		return nil, err
	}
	s.target, s.since = cfg.Target, time.Now()
	return s, nil
}

func open(info process.Info) (*server, error) {
	tree, err := process.Open(info.ID)
	if err != nil {
		return nil, fmt.Errorf("watching process %d: %w", info.PID, err)
	}
	return &server{info: info, tree: tree}, nil
}

// startReady starts the command and waits until it speaks MCP: where its address is
// taken and nobody said that it is to be used, over its standard streams.
func startReady(ctx context.Context, cfg *Config, log io.Writer) (*server, error) {
	if err := portFree(ctx, cfg); err != nil {
		if !cfg.Guess {
			return nil, err
		}
		cfg.useStreams()
		s, failed := startCalm(ctx, cfg, log)
		if unready, ok := errors.AsType[*unreadyError](failed); ok {
			failed = &unreadyError{fmt.Sprintf("%v; so it was spoken to over its standard streams: %v", err, unready), unready.cause}
		}
		return s, failed
	}
	return startCalm(ctx, cfg, log)
}

// startCalm starts the command. With Stabilize and no limit, it starts it twice: the
// first time shows how much heap it needs.
func startCalm(ctx context.Context, cfg *Config, log io.Writer) (*server, error) {
	var env []string
	limit := cfg.HeapLimit
	if cfg.Stabilize {
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
	s, err := start(ctx, cfg, log, env)
	if err == nil && cfg.Stabilize {
		s.heapLimit = limit
	}
	return s, err
}

// portFree returns an error if something answers at the address where the command
// is to listen: it would be loaded instead of the command.
func portFree(ctx context.Context, cfg *Config) error {
	if cfg.Stdio {
		return nil
	}
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", client.HostPort(cfg.URL))
	if err != nil {
		return nil //nolint:nilerr // nothing listens, as it should be
	}
	_ = conn.Close()
	return fmt.Errorf("something listens at %s already, before the command was started; stop it, let the command take another port with --url, "+
		"or test the running server with --pid", client.HostPort(cfg.URL))
}

func start(ctx context.Context, cfg *Config, log io.Writer, env []string) (*server, error) {
	s := &server{env: env}
	if !cfg.NoHeap {
		s.hook, _ = live.NewHook() // without it, RSS decides for Python
		s.env = live.Environment(env, s.hook)
	}
	if err := s.run(cfg, launch.Command{Args: cfg.Command, Env: s.env, Stdout: log, Stderr: log}); err != nil {
		s.unhook()
		return nil, err
	}
	s.info = s.child.Info
	if err := s.ready(ctx, cfg); err != nil {
		s.stop()
		return nil, err
	}
	// A launcher may have become another program since.
	if info, err := process.Lookup(s.child.PID()); err == nil {
		s.info = info
	}
	var err error
	if s.tree, err = process.Open(s.info.ID); err != nil {
		s.stop()
		return nil, fmt.Errorf("watching %s: %w", cfg.Command[0], err)
	}
	return s, nil
}

// run starts the command, and connects to its standard streams if it may speak over them.
func (s *server) run(cfg *Config, command launch.Command) (err error) {
	if !cfg.Stdio && !cfg.Guess {
		s.child, err = launch.Start(command)
		return err
	}
	if s.conn, err = launch.Dial(command); err != nil {
		return err
	}
	s.child = s.conn.Child
	if cfg.Guess {
		s.guess = &guess{streams: newStreams(s.conn, command.Stdout), since: time.Now()}
	}
	return nil
}

// here returns an error if the server runs in a container or on another machine: the memory of its
// client is flat, whatever it keeps.
func (s *server) here() error {
	if s.memory() == 0 {
		return nil // that it has ended is said later
	}
	program := s.tree.Elsewhere()
	if program == "" {
		return nil
	}
	return fmt.Errorf("%s; start the server without %s, or test its process: --pid N --url URL, where docker inspect -f '{{.State.Pid}}' NAME gives N of a container on this machine",
		process.ElsewhereText(program), program)
}

// collected is how long the system may take to report an exit status.
const collected = 2 * time.Second

// memory returns the RSS of the server and its descendants in MB, 0 after its end.
func (s *server) memory() float64 {
	m, err := s.tree.Read()
	if err != nil {
		return 0
	}
	return float64(m.Total.RSS) / mib
}

// files returns the number of open files of the server and its descendants, 0 if unknown.
func (s *server) files() float64 {
	d := process.NoDetail()
	s.tree.ReadCounts(&d)
	if v := known(d.Files); v != nil {
		return *v
	}
	return 0
}

// stop ends the server if it was started by us.
func (s *server) stop() {
	if s.tree != nil {
		s.tree.Close()
	}
	if s.child == nil {
		return
	}
	switch {
	case s.conn == nil:
		s.child.Stop()
	case s.session != nil || s.guess == nil:
		_ = s.conn.Close() // it ends the child
	default: // it need not end with its input
		_ = s.conn.CloseWrite()
		s.child.Stop()
		s.flush()
		_ = s.conn.CloseRead()
	}
	s.unhook()
}

// flush waits until the output of a child that has ended is in the log.
func (s *server) flush() {
	if s.guess != nil && s.session == nil {
		s.guess.streams.flush()
	}
}

// unhook removes the files through which Python processes answered.
func (s *server) unhook() {
	if s.hook != nil {
		_ = s.hook.Remove() // a folder in the temporary one, without contents of the heap
		s.hook = nil
	}
}

// again says whether the server was started again meanwhile.
func (s *server) again() string {
	found := s.target.FindRestarted([]process.ID{s.info.ID}, s.since)
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprintf("; it runs again as process %d, with none of the memory that was measured", found[0].PID)
}

// endedByItself reports whether the command ended without being killed.
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

// killed is the name of SIGKILL.
const killed = "killed"

// end returns how the server ended, "" while it lives.
func (s *server) end() string {
	_, err := s.tree.Read()
	gone := errors.Is(err, process.ErrEnded)
	if s.child == nil {
		if gone {
			return fmt.Sprintf("the server, process %d, ended during the run; its own log may say why%s", s.info.PID, s.again())
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
	s.flush()
	exit := s.child.Exit()
	text := "the server ended during the run: " + exit.Text
	if exit.Signal == killed {
		text += "; unless someone killed it, the machine or its control group was out of memory"
	}
	return text
}
