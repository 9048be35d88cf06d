package engine

import (
	"context"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/fastconn"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// timing is the durations of the parts of an exchange.
type timing = client.Timing

// line carries a user's requests: a connection of its own, or net/http.
type line struct {
	ep      mcp.Endpoint
	timeout time.Duration
	conn    *fastconn.Conn // nil is net/http
	forget  func() bool    // stops interrupting conn at the end of the run
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

// deadline is a context with a deadline that is cheap to make. It is never Done by
// itself: the connection keeps the deadline, and is interrupted at the end of the run.
// Each call has one of its own because net/http, which carries the replies to requests of
// the server, may read it after the call.
type deadline struct {
	context.Context
	at time.Time
}

func (d *deadline) Deadline() (time.Time, bool) { return d.at, !d.at.IsZero() }

// do makes one call. The timeout counts from start.
func (l *line) do(ctx context.Context, s *mcp.Session, request *mcp.Request, start time.Time) (mcp.Answer, timing, error) {
	if l.conn != nil {
		until := &deadline{Context: ctx}
		if l.timeout > 0 {
			until.at = start.Add(l.timeout)
		}
		answer, err := s.Do(until, request)
		return answer, l.conn.Timing(), err
	}
	ctx, cancel := client.Within(ctx, l.timeout)
	defer cancel()
	if l.ep.Start != nil {
		answer, err := s.Do(ctx, request)
		return answer, timing{}, err
	}
	var watch client.Stopwatch
	answer, err := s.Do(watch.Watch(ctx), request)
	t := watch.Stop()
	if s.Era().SSE {
		t.FirstByte = 0 // of a 202: the answer comes on the stream
	}
	return answer, t, err
}

// open opens a session within the timeout.
func (l *line) open(ctx context.Context, era mcp.Era) (*mcp.Session, timing, error) {
	ctx, cancel := client.Within(ctx, l.timeout)
	defer cancel()
	if l.conn != nil {
		s, err := mcp.Open(ctx, l.ep, era)
		return s, l.conn.Opening(), err
	}
	var watch client.Stopwatch
	s, err := mcp.Open(watch.Watch(ctx), l.ep, era)
	return s, watch.Stop(), err
}

// carry moves a session to this line.
func (l *line) carry(s *mcp.Session) {
	if l.conn != nil {
		s.Over(l.conn)
	}
}

// release moves a session that is kept to net/http.
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
