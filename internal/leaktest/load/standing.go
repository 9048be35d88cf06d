package load

import (
	"context"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// OpenStanding opens the sessions that stay open during a phase, so that they are
// part of its baseline.
func (l *Load) OpenStanding(ctx context.Context, op *Operation) {
	if l.cfg.Session != nil || !l.sessions || !op.Has(Standing) {
		return
	}
	for w := range l.parallel(op) {
		_, _ = l.standingSession(ctx, w) // the load reports the error
	}
}

// CloseStanding ends the standing sessions and closes the idle connections, so that
// they are not counted as retained.
func (l *Load) CloseStanding(ctx context.Context) {
	l.mu.Lock()
	sessions, streams := l.standing, l.streams
	l.standing, l.streams = map[int]*mcp.Session{}, map[int]string{}
	l.mu.Unlock()
	for _, id := range streams {
		ctx, cancel := client.Within(ctx, l.cfg.Client.Timeout())
		_ = l.end(ctx, id) // the server may not allow it
		cancel()
	}
	for _, s := range sessions {
		ctx, cancel := client.Within(ctx, l.cfg.Client.Timeout())
		_ = s.Close(ctx) // the server may not allow it
		cancel()
	}
	l.CloseIdle()
}

// CloseIdle closes the connections that no exchange uses.
func (l *Load) CloseIdle() {
	if l.ep.HTTP != nil {
		l.ep.HTTP.CloseIdleConnections()
	}
}

// standingSession returns the session of a worker that stays open between rounds.
// It opens a new one if the server has lost it.
func (l *Load) standingSession(ctx context.Context, worker int) (*mcp.Session, error) {
	if l.cfg.Session != nil {
		return l.cfg.Session, nil
	}
	l.mu.Lock()
	s := l.standing[worker]
	l.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := mcp.Open(ctx, l.ep, l.era)
	if err == nil {
		l.mu.Lock()
		l.standing[worker] = s
		l.mu.Unlock()
	}
	return s, err
}

// forgetLost forgets a standing session that the server no longer knows.
func (l *Load) forgetLost(worker int, s *mcp.Session) {
	if !s.Alive() {
		l.mu.Lock()
		delete(l.standing, worker)
		l.mu.Unlock()
	}
}

// streamSession returns the session of a worker whose event stream is opened and dropped.
func (l *Load) streamSession(ctx context.Context, worker int) (string, error) {
	l.mu.Lock()
	id := l.streams[worker]
	l.mu.Unlock()
	if id != "" {
		return id, nil
	}
	id, err := l.begin(ctx)
	if err == nil {
		l.mu.Lock()
		l.streams[worker] = id
		l.mu.Unlock()
	}
	return id, err
}
