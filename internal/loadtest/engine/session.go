package engine

import (
	"context"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// ensure is the user's session: a new one where there is none, or none any more.
func (u *user) ensure(ctx context.Context) (*mcp.Session, error) {
	if u.run.cfg.Shared {
		return u.run.sharedSession(ctx)
	}
	if u.session != nil && u.session.Alive() {
		return u.session, nil
	}
	if u.session != nil {
		u.run.odd.add(u.session)
		u.session.Abandon() // its server is gone, or does not know it
	}
	u.session, u.calls = nil, 0
	session, err := u.open(ctx)
	if err != nil {
		u.failed++
		u.run.noSession(ctx, err)
		return nil, err
	}
	u.session = session
	return session, nil
}

// open opens a session, or takes the one that found out how to speak to the server.
func (u *user) open(ctx context.Context) (*mcp.Session, error) {
	r := u.run
	if s := r.first.Swap(nil); s != nil {
		u.line.carry(s)
		r.opened(time.Now(), s.Opening())
		return s, nil
	}
	from := time.Now()
	s, t, err := u.line.open(ctx, r.era)
	r.connected(from, t)
	if err != nil {
		return nil, err
	}
	r.opened(from, time.Since(from))
	return s, nil
}

// opened counts a session that a user took into use.
func (r *run) opened(from time.Time, took time.Duration) {
	r.collect.note(func(c *collector) {
		c.sessions.Opened++
		if !from.Before(r.origin) && r.era.Sessions() {
			c.phases.initialize.Add(took)
		}
	})
}

func (r *run) noSession(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	f := failureOf(client.Cause(err))
	r.collect.note(func(c *collector) { c.sessions.Failed++; c.refused.add(f) })
}

// sharedSession is the one session of all users.
func (r *run) sharedSession(ctx context.Context) (*mcp.Session, error) {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	if r.shared != nil && r.shared.Alive() {
		return r.shared, nil
	}
	if r.shared != nil {
		r.shared.Abandon()
		r.shared = nil
	}
	ctx, cancel := r.deadline(ctx)
	defer cancel()
	s, err := mcp.Open(ctx, r.endpoint(), r.era)
	if err != nil {
		r.noSession(ctx, err)
		return nil, err
	}
	r.collect.note(func(c *collector) { c.sessions.Opened++ })
	r.shared = s
	return s, nil
}

// leave ends the user's session as the plan says, also when the run was interrupted.
func (u *user) leave(ctx context.Context) {
	s := u.session
	u.session, u.calls = nil, 0
	if s == nil {
		return
	}
	u.run.odd.add(s)
	if !s.Alive() {
		s.Abandon()
		return
	}
	switch u.run.plan.End {
	case plan.EndAbandon:
		s.Abandon()
		if s.Era().Sessions() {
			u.run.collect.note(func(c *collector) { c.sessions.Abandoned++ })
		}
	case plan.EndKeep:
		u.line.release(s)
		u.run.mu.Lock()
		u.run.kept = append(u.run.kept, s)
		u.run.mu.Unlock()
	case plan.EndDelete, "":
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
		defer cancel()
		u.run.closeSession(ctx, s)
	}
}
