package proxy

import (
	"context"
	"time"
)

// admissionQueue holds tool calls back while the server works on as many as
// the limit allows.
type admissionQueue struct {
	tracker *tracker
	places  chan struct{} // nil: no limit
}

func newAdmissionQueue(t *tracker, limit int) *admissionQueue {
	if limit <= 0 {
		return &admissionQueue{tracker: t}
	}
	t.mu.Lock()
	defer t.unlock()
	t.limited = true
	return &admissionQueue{tracker: t, places: make(chan struct{}, limit)}
}

// enter waits until the calls among ops may go to the server, and returns the
// function that gives their place back. A batch takes one place, and so does a request
// that may bring a call in the part that was not read yet. ok is false if the client
// went away first.
func (q *admissionQueue) enter(ctx context.Context, ops []*operation, mayBringCall bool) (leave func(), ok bool) {
	if q.places == nil || !mayBringCall && !hasCall(ops) {
		return func() {}, true
	}
	select {
	case q.places <- struct{}{}:
		return q.leave, true
	default:
	}
	q.tracker.hold(ops)
	defer q.tracker.release(ops)
	select {
	case q.places <- struct{}{}:
		return q.leave, true
	case <-ctx.Done():
		return nil, false
	}
}

func (q *admissionQueue) leave() { <-q.places }

// hasCall reports whether a tool call is among ops.
func hasCall(ops []*operation) bool {
	for _, op := range ops {
		if op.isCall() {
			return true
		}
	}
	return false
}

// hold moves the calls among ops from those in flight to those held back.
func (t *tracker) hold(ops []*operation) {
	t.mu.Lock()
	defer t.unlock()
	for _, op := range ops {
		if op.isCall() && !op.done {
			op.held = true
			delete(t.inFlight, op.number)
			t.tool(op.tool).held++
		}
	}
}

// release moves those held back among ops to those in flight, unless they were
// cancelled meanwhile. Their time begins now.
func (t *tracker) release(ops []*operation) {
	t.mu.Lock()
	defer t.unlock()
	for _, op := range ops {
		if !op.held {
			continue
		}
		op.held = false
		t.tool(op.tool).held--
		if !op.done {
			op.start = time.Now()
			t.inFlight[op.number] = op
		}
	}
}
