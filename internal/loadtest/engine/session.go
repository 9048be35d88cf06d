package engine

import (
	"context"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// listening is an MCP session with its standalone stream.
type listening struct {
	*mcp.Session
	stop context.CancelFunc // closes the stream
}

// ensureSession returns the user's session. It opens one if there is none, or if the
// server has lost it.
func (u *user) ensureSession(ctx context.Context) (*mcp.Session, error) {
	if u.run.cfg.Shared {
		s, err := u.run.sharedSession(ctx)
		if err != nil {
			u.failed++
		}
		return s, err
	}
	if s := u.session; s != nil {
		if s.Alive() {
			return s.Session, nil
		}
		u.run.odd.add(s.Session)
		s.stop()
		s.Abandon()
	}
	u.session, u.calls = nil, 0
	session, err := u.openSession(ctx)
	if err != nil {
		u.failed++
		u.run.countRefused(ctx, err)
		return nil, err
	}
	u.session = &listening{session, u.run.listen(ctx, session)}
	return session, nil
}

// openSession opens a session, or adopts that of Prepare.
func (u *user) openSession(ctx context.Context) (*mcp.Session, error) {
	r := u.run
	if s := r.first.Swap(nil); s != nil {
		u.line.carry(s)
		r.countOpened(time.Now(), s.Opening())
		return s, nil
	}
	from := time.Now()
	s, t, err := u.line.open(ctx, r.era)
	r.countConnection(from, t)
	if err != nil {
		return nil, err
	}
	r.countOpened(from, time.Since(from))
	return s, nil
}

// listen opens the standalone stream of a session, as clients do, and returns a
// function that closes it. Shared connections have no streams, which would occupy them.
func (r *run) listen(ctx context.Context, s *mcp.Session) context.CancelFunc {
	if r.plan.NoStream || r.plan.Connections > 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := s.Listen(ctx, func() { r.collect.update(func(c *collector) { c.sessions.Streams++ }) })
	r.streams.Go(func() { <-done }) //nolint:errcheck // the calls show whether the server works
	return cancel
}

// countOpened counts a session that a user begins to use.
func (r *run) countOpened(from time.Time, took time.Duration) {
	r.collect.update(func(c *collector) {
		c.sessions.Opened++
		if !from.Before(r.origin) && r.era.Sessions() {
			c.phases.initialize.Add(took)
		}
	})
}

// countRefused counts a session that could not be opened.
func (r *run) countRefused(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	f := failureOf(client.Cause(err))
	r.collect.update(func(c *collector) { c.sessions.Failed++; c.refused.add(f) })
}

// sharedSession returns the one session that all users share. An attempt to open it that
// failed counts for all users that waited for it.
func (r *run) sharedSession(ctx context.Context) (*mcp.Session, error) {
	asked := time.Now()
	r.sharing.Lock()
	defer r.sharing.Unlock()
	if r.shared != nil && r.shared.Alive() {
		return r.shared, nil
	}
	if r.shared != nil {
		r.shared.Abandon()
		r.shared = nil
	}
	if r.unshared != nil && !r.tried.Before(asked) {
		return nil, r.unshared
	}
	ctx, cancel := client.Within(ctx, r.cfg.Timeout)
	defer cancel()
	s, err := mcp.Open(ctx, r.endpoint(), r.era)
	r.unshared, r.tried = err, time.Now()
	if err != nil {
		r.countRefused(ctx, err)
		return nil, err
	}
	r.collect.update(func(c *collector) { c.sessions.Opened++ })
	r.shared = s
	return s, nil
}

// endSession ends the user's session as the plan says, also after an interrupt.
func (u *user) endSession(ctx context.Context) {
	s := u.session
	u.session, u.calls = nil, 0
	if s == nil {
		return
	}
	u.run.odd.add(s.Session)
	if !s.Alive() {
		s.stop()
		s.Abandon()
		return
	}
	switch u.run.plan.End {
	case plan.EndAbandon:
		s.stop()
		s.Abandon()
		if s.Era().Sessions() {
			u.run.collect.update(func(c *collector) { c.sessions.Abandoned++ })
		}
	case plan.EndKeep:
		u.line.release(s.Session)
		u.run.mu.Lock()
		u.run.kept = append(u.run.kept, s)
		u.run.mu.Unlock()
	case plan.EndDelete, "":
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
		defer cancel()
		u.run.closeSession(ctx, s)
	}
}
