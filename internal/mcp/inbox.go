package mcp

import (
	"bytes"
	"context"
	"net/http"
	"sync"
)

// inbox holds the answer that a server sends on the standalone event stream instead of
// in the answer to the POST: the official clients take it from both.
type inbox struct {
	news chan struct{} // the answer came
	done chan struct{} // the stream is not open any more

	mu     sync.Mutex
	id     int64 // of the request under way: a session over HTTP makes one at a time
	answer []byte
}

func newInbox() *inbox { return &inbox{news: make(chan struct{}, 1), done: make(chan struct{})} }

// expect waits for the answer to a request from now on, and forgets any other.
func (b *inbox) expect(id int64) {
	b.mu.Lock()
	b.id, b.answer = id, nil
	b.mu.Unlock()
}

// put keeps an answer if it is expected.
func (b *inbox) put(m *message, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !m.answers(b.id) {
		return
	}
	b.answer = bytes.Clone(data)
	select {
	case b.news <- struct{}{}:
	default:
	}
}

// received returns the expected answer, nil until it is there.
func (b *inbox) received() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answer
}

// elsewhere is an answer that only clients with a standalone stream get.
var elsewhere = deviation{text: "answers come on the standalone event stream, after a 202; clients that do not open it wait in vain"}

// await waits for the answer to a request that got 202 without one.
func (b *inbox) await(ctx context.Context, x *exchange) error {
	ctx, cancel := timed(ctx)
	defer cancel()
	for closed := false; ; {
		if data := b.received(); data != nil {
			x.message, x.received, x.deviations = data, int64(len(data)), append(x.deviations, elsewhere)
			x.noteArray()
			return nil
		}
		if closed {
			return noAnswer(http.StatusAccepted)
		}
		select {
		case <-b.news:
		case <-b.done:
			closed = true
		case <-ctx.Done():
			return &unansweredError{method: x.method, instead: "; 202 came, and no answer on the event stream", err: ctx.Err()}
		}
	}
}

// noAnswer says that the body of an answer is empty.
func noAnswer(status int) error {
	return malformed("%d %s and no answer; none can come on another stream", status, http.StatusText(status))
}
