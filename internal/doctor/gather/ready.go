package gather

import (
	"context"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

// readyEvery is the time between two questions whether a server answers.
const readyEvery = 500 * time.Millisecond

// awaitReady waits until the server answers, for at most g.Ready. A proxy that answers for a
// server that does not run yet is not enough. The questions open no session and are not recorded.
func (g *gatherer) awaitReady(ctx context.Context) (waited time.Duration) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, g.Ready)
	defer cancel()
	for {
		asking := &gatherer{Options: g.Options, f: &facts.Facts{}, until: begin.Add(g.Ready)}
		x, _ := asking.exchange(ctx, modernPost("ready", "server/discover", ""))
		kind := x.Kind()
		if kind != facts.KindNone && kind != facts.KindGateway || x.WantsTLS() || ctx.Err() != nil {
			return time.Since(begin)
		}
		select {
		case <-ctx.Done():
		case <-time.After(readyEvery):
		}
	}
}
