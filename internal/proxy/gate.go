package proxy

import (
	"context"
	"time"
)

// gate holds calls back while as many as the limit are with the server.
type gate struct {
	ledger *Ledger
	places chan struct{} // nil: no limit
}

func newGate(l *Ledger, limit int) *gate {
	if limit <= 0 {
		return &gate{ledger: l}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holds = true
	return &gate{ledger: l, places: make(chan struct{}, limit)}
}

// pass waits until the calls among ops may go to the server, and returns what
// to call when they are over. ok is false where the client went away before.
func (g *gate) pass(ctx context.Context, ops []*operation) (over func(), ok bool) {
	call := firstCall(ops)
	if g.places == nil || call == nil {
		return func() {}, true
	}
	select {
	case g.places <- struct{}{}:
		return g.leave, true
	default:
	}
	g.ledger.hold(ops, true)
	defer g.ledger.hold(ops, false)
	select {
	case g.places <- struct{}{}:
		return g.leave, true
	case <-ctx.Done():
		return nil, false
	}
}

func (g *gate) leave() { <-g.places }

// firstCall is the first tool call of a batch; a batch takes one place.
func firstCall(ops []*operation) *operation {
	for _, op := range ops {
		if op.number > 0 {
			return op
		}
	}
	return nil
}

// hold notes that the calls among ops wait in the proxy, or no longer do: then
// their time begins.
func (l *Ledger) hold(ops []*operation, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, op := range ops {
		switch {
		case op.number == 0 || op.done:
		case held:
			delete(l.running, op.number)
			l.tool(op.tool).held++
		default:
			op.start = time.Now()
			l.running[op.number] = op
			l.tool(op.tool).held--
		}
	}
}
