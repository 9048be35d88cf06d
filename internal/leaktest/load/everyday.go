package load

import (
	"context"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// usualCalls is the number of calls in a session of the everyday load, unless the
// user chose it. With many calls in a session, a leak per session hides behind them.
const usualCalls = 2

// everydayRun makes n calls: half of them by users that open a session, call and
// end it, half in sessions that stay. For each session it also sends
// server/discover, as clients of today do first. Where sessions cannot be ended all calls
// are in those that stay: the others would be abandoned ones.
func everydayRun(ctx context.Context, l *Load, n int) Batch {
	start := time.Now()
	calls := l.cfg.Calls
	if calls == 0 {
		calls = usualCalls
	}
	coming := (n + 1) / 2
	sessions := max(1, coming/calls)
	var all Batch
	if l.unended == "" {
		all = l.each(ctx, l.cfg.Users, sessions, func(ctx context.Context, _ int, b *Batch) { l.visit(ctx, min(calls, coming), b) })
	}
	if l.era.Sessions() && !l.era.SSE {
		d := l.each(ctx, workers, sessions, func(ctx context.Context, worker int, b *Batch) { l.one(ctx, worker, b, discover, true) })
		all.Add(&Batch{Refused: d.Refused, Discovers: d.Done}) // they accompany the operations that are counted
	}
	if rest := n - int(all.Done); rest > 0 && (all.Done > 0 || l.unended != "") {
		standing := l.each(ctx, min(l.cfg.Users, workers), rest, func(ctx context.Context, worker int, b *Batch) { l.one(ctx, worker, b, oneCall, false) })
		all.Add(&standing)
	}
	all.Took = time.Since(start)
	return all
}

// visit opens a session, makes calls in it and ends it. Each call is an operation;
// a session that cannot be opened or ended is a failed operation.
func (l *Load) visit(ctx context.Context, calls int, b *Batch) {
	opCtx, cancel := client.Within(ctx, l.cfg.Client.Timeout())
	s, err := mcp.Open(opCtx, l.ep, l.era)
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			b.record(0, err, false)
		}
		return
	}
	b.Sessions++
	for range calls {
		l.one(ctx, 0, b, func(ctx context.Context, l *Load, _ int) error { return l.call(ctx, s, &l.tool) }, false)
	}
	opCtx, cancel = client.Within(context.WithoutCancel(ctx), l.cfg.Client.Timeout())
	defer cancel()
	if err := s.Close(opCtx); err != nil && ctx.Err() == nil {
		b.record(0, err, false)
	}
}
