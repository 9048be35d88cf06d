package leaktest

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
)

// silence is how long a command may leave its address alone until it is spoken to over
// its standard streams, too.
const silence = 2 * time.Second

// streams are the standard streams of a command that may speak over them or over HTTP.
// What it prints goes to their reader until they are closed, and to a log from then on.
type streams struct {
	*io.PipeReader
	conn *launch.Conn
	end  chan struct{} // of the output
}

func newStreams(conn *launch.Conn, log io.Writer) *streams {
	r, w := io.Pipe()
	s := &streams{r, conn, make(chan struct{})}
	go func() {
		defer close(s.end)
		_, err := io.Copy(&overflow{w, log}, conn)
		_ = w.CloseWithError(err)
	}()
	return s
}

func (s *streams) Write(p []byte) (int, error) { return s.conn.Write(p) }

// overflow writes to a pipe, and to a log once the reader has closed it.
type overflow struct {
	pipe *io.PipeWriter
	log  io.Writer
}

func (o *overflow) Write(p []byte) (int, error) {
	n, err := o.pipe.Write(p)
	if err != nil {
		_, err = o.log.Write(p[n:])
	}
	return len(p), err
}

// guess finds out over what a command speaks MCP.
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
	if g.asked != nil || !client.IsRefused(err) || time.Since(g.since) < silence {
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

// flush puts the output of a command that has ended into the log.
func (g *guess) flush() {
	if g == nil {
		return
	}
	_ = g.streams.Close()
	select {
	case <-g.streams.end:
	case <-time.After(collected):
	}
}

// unready says how the command spoke over neither.
func (g *guess) unready(why string) string {
	if g.asked != nil && g.last == nil {
		g.last = (<-g.asked).err // it ends with the time limit
	}
	if g.last != nil {
		why += fmt.Sprintf("; nor over its standard streams: %v", g.last)
	}
	return why
}

// settle keeps to the way over which the command speaks.
func (s *server) settle(cfg *Config, over *mcp.Session) {
	if s.guess == nil {
		return
	}
	if s.session = over; over != nil {
		cfg.useStreams()
		return
	}
	cfg.Guess = false
	_ = s.guess.streams.Close() // its output goes to the log from here on
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
