package leaktest

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
)

// silence is how long a command may leave its address alone until it is spoken to over
// its standard streams, too.
const silence = 2 * time.Second

// streams are the standard streams of a command that speaks over them or over HTTP. Its
// output goes to the log until that is known, and to the reader of the streams until
// they are closed.
type streams struct {
	*io.PipeReader
	conn    *launch.Conn
	output  *io.PipeWriter
	log     io.Writer
	logging atomic.Bool
	end     chan struct{} // of the output
}

func newStreams(conn *launch.Conn, log io.Writer) *streams {
	s := &streams{conn: conn, log: log, end: make(chan struct{})}
	s.PipeReader, s.output = io.Pipe()
	s.logging.Store(true)
	go s.pass()
	return s
}

// pass passes the output of the command on. A log that cannot be written, as on a full
// disk, does not stop the command.
func (s *streams) pass() {
	defer close(s.end)
	buf := make([]byte, 32<<10)
	for {
		n, err := s.conn.Read(buf)
		if s.logging.Load() {
			_, _ = s.log.Write(buf[:n])
		}
		_, _ = s.output.Write(buf[:n]) // it fails once the reader is closed
		if err != nil {
			_ = s.output.CloseWithError(err)
			return
		}
	}
}

func (s *streams) Write(p []byte) (int, error) { return s.conn.Write(p) }

// SetWriteDeadline is that of the connection.
func (s *streams) SetWriteDeadline(t time.Time) error { return s.conn.SetWriteDeadline(t) }

// flush waits until the output of a command that has ended is in the log.
func (s *streams) flush() {
	_ = s.Close()
	select {
	case <-s.end:
	case <-time.After(collected):
	}
}

// guess finds out the transport of a command.
type guess struct {
	streams *streams
	since   time.Time
	asked   chan greeting // nil until the command was asked over its streams
	last    error         // of that handshake
}

// greeting is the outcome of a handshake over standard streams.
type greeting struct {
	session *mcp.Session
	err     error
}

// ask begins a handshake over the streams if nothing listens at the address, which
// gave err.
func (g *guess) ask(ctx context.Context, cfg *Config, err error) {
	if g == nil || g.asked != nil || !client.IsRefused(err) || time.Since(g.since) < silence {
		return
	}
	g.asked = make(chan greeting, 1)
	go func() {
		session, err := mcp.Connect(ctx, overStreams(cfg, g.streams), cfg.Protocol)
		g.asked <- greeting{session, err}
	}()
}

// answer gives the outcome of the handshake over the streams, once.
func (g *guess) answer() <-chan greeting {
	if g == nil || g.last != nil {
		return nil
	}
	return g.asked
}

// unready adds to why the command did not speak over HTTP, why it did not over its streams.
func (g *guess) unready(why string) string {
	if g.asked != nil && g.last == nil {
		g.last = (<-g.asked).err // it ends with the time limit
	}
	if g.last != nil {
		why += fmt.Sprintf("; nor over its standard streams: %v", g.last)
	}
	return why
}

// settle keeps to the transport that answered: session is that over the standard
// streams, nil for HTTP.
func (s *server) settle(cfg *Config, session *mcp.Session) {
	if s.guess == nil {
		return
	}
	if s.session = session; session != nil {
		s.guess.streams.logging.Store(false)
		cfg.useStreams()
		return
	}
	cfg.Guess = false
	_ = s.guess.streams.Close() // its output goes to the log alone
}

// useStreams has the command speak over its standard streams alone.
func (cfg *Config) useStreams() {
	cfg.Guess, cfg.Stdio = false, true
	cfg.Snapshot, cfg.Pprof = nil, nil // at the address where nothing of the command listens
}

func overStreams(cfg *Config, conn io.ReadWriteCloser) mcp.Endpoint {
	return mcp.Endpoint{
		Start:      func(context.Context) (io.ReadWriteCloser, error) { return conn, nil },
		Running:    true,
		MaxMessage: cfg.Client.MaxBody(),
	}
}
