package proxy

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestCancelledWhileHeld: a call that its client cancels while it is held back
// is neither held nor in flight afterwards.
func TestCancelledWhileHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := newTracker(&Config{})
		q := newAdmissionQueue(tr, 1)
		q.places <- struct{}{} // the server is busy
		s := &session{}
		op := tr.begin(s, &message{id: []byte("1"), method: []byte(`"tools/call"`), name: []byte(`"t"`)}, time.Now())
		entered := make(chan bool)
		go func() {
			_, ok := q.enter(t.Context(), []*operation{op})
			entered <- ok
		}()
		synctest.Wait()
		if d := tr.snapshot(time.Now()); d.HandlerQueue["t"] != 1 || len(d.ToolCallStack) != 0 {
			t.Errorf("held back: queue %v, %s", d.HandlerQueue, counts(d))
		}
		tr.begin(s, &message{method: []byte(`"notifications/cancelled"`), canceled: []byte("1")}, time.Now())
		q.leave()
		<-entered
		if d := tr.snapshot(time.Now()); d.HandlerQueue["t"] != 0 || len(d.ToolCallStack) != 0 || *d.ErrorsTotal != 1 {
			t.Errorf("cancelled: queue %v, %s", d.HandlerQueue, counts(d))
		}
	})
}
