package engine

import (
	"context"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/fastconn"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// timing is how long the parts of an exchange took.
type timing = client.Timing

// line is what a user's requests go over: a connection of its own, or net/http.
type line struct {
	ep      mcp.Endpoint
	timeout time.Duration
	conn    *fastconn.Conn // nil is net/http
	forget  func() bool    // stop interrupting conn when the run ends
}

func (r *run) newLine(ctx context.Context) *line {
	l := &line{ep: r.endpoint(), timeout: r.cfg.Timeout, forget: func() bool { return true }}
	if r.direct {
		l.conn = fastconn.New(r.cfg.Client, r.cfg.Endpoint.URL)
		l.ep.Line = l.conn
		l.forget = context.AfterFunc(ctx, l.conn.Interrupt)
	}
	return l
}

// deadline is a context with a deadline that costs next to nothing to make: the
// connection keeps it, and is interrupted when the run ends. It is not Done by itself.
// Each call has one of its own: net/http, which event streams of old servers go
// over, looks at it after the call.
type deadline struct {
	context.Context
	at time.Time
}

func (d *deadline) Deadline() (time.Time, bool) { return d.at, !d.at.IsZero() }

// do makes one call, from start on, within the time there is for an exchange.
func (l *line) do(ctx context.Context, s *mcp.Session, request *mcp.Request, start time.Time) (mcp.Answer, timing, error) {
	if l.conn != nil {
		until := &deadline{Context: ctx}
		if l.timeout > 0 {
			until.at = start.Add(l.timeout)
		}
		answer, err := s.Do(until, request)
		return answer, l.conn.Timing(), err
	}
	ctx, cancel := l.within(ctx)
	defer cancel()
	if l.ep.Start != nil {
		answer, err := s.Do(ctx, request)
		return answer, timing{}, err
	}
	var watch client.Stopwatch
	answer, err := s.Do(watch.Watch(ctx), request)
	return answer, watch.Stop(), err
}

// open opens a session within the time there is for an exchange.
func (l *line) open(ctx context.Context, era mcp.Era) (*mcp.Session, timing, error) {
	ctx, cancel := l.within(ctx)
	defer cancel()
	if l.conn != nil {
		s, err := mcp.Open(ctx, l.ep, era)
		return s, l.conn.Opening(), err
	}
	var watch client.Stopwatch
	s, err := mcp.Open(watch.Watch(ctx), l.ep, era)
	return s, watch.Stop(), err
}

func (l *line) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, l.timeout)
}

// carry has a session that was opened elsewhere go over the line.
func (l *line) carry(s *mcp.Session) {
	if l.conn != nil {
		s.Over(l.conn)
	}
}

// release has a session that is kept go over net/http: the line goes on without it.
func (l *line) release(s *mcp.Session) {
	if l.conn != nil {
		s.Over(nil)
	}
}

func (l *line) close() {
	l.forget()
	if l.conn != nil {
		l.conn.CloseIdleConnections()
	}
}
