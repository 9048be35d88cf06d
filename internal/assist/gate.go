package assist

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Limits on calls at once.
const (
	maxRunning = 8
	maxWaiting = 32
	maxWait    = 20 * time.Second
)

// gate admits calls: maxRunning at once, and of the heavy ones, which need much memory or
// all processors, a single one. maxWaiting calls wait; others are refused at once.
type gate struct {
	running, heavy, waiting chan struct{}

	mu    sync.Mutex
	name  string // of the heavy call that runs
	since time.Time
}

func newGate() gate {
	return gate{running: make(chan struct{}, maxRunning), heavy: make(chan struct{}, 1), waiting: make(chan struct{}, maxWaiting)}
}

// enter waits for a place. The function that it returns gives the place back.
func (g *gate) enter(ctx context.Context, name string, heavy bool) (leave func(), err error) {
	select {
	case g.waiting <- struct{}{}:
		defer func() { <-g.waiting }()
	default:
		return nil, fmt.Errorf("%s was not run: %d calls are waiting already; make one call at a time", name, maxWaiting)
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	alone := func() {}
	if heavy {
		if alone, err = g.alone(ctx, name); err != nil {
			return nil, err
		}
	}
	select {
	case g.running <- struct{}{}:
	case <-ctx.Done():
		alone()
		return nil, fmt.Errorf("%s was not run: %d calls are running; call again later", name, maxRunning)
	}
	return func() {
		<-g.running
		alone()
	}, nil
}

// alone waits, at most maxWait, until no heavy work runs. The function that it returns ends
// that of the caller.
func (g *gate) alone(ctx context.Context, name string) (end func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case g.heavy <- struct{}{}:
		g.hold(name)
		return func() { <-g.heavy }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s was not run: %s; one such tool runs at a time; call again later", name, g.holder())
	}
}

func (g *gate) hold(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.name, g.since = name, time.Now()
}

// holder describes the heavy call that runs.
func (g *gate) holder() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return fmt.Sprintf("%s has been running for %s", g.name, time.Since(g.since).Round(time.Second))
}
