package mcp

import (
	"bytes"
	"context"
	"net/http"
	"sync"
)

// inbox holds the answers that a server sends on the standalone event stream instead of
// in the answer to the POST: the official clients take them from both.
type inbox struct {
	news chan struct{} // an answer came
	done chan struct{} // the stream is not open any more

	mu      sync.Mutex
	answers map[int64][]byte
}

// mostAnswers limits the answers that nothing has asked for.
const mostAnswers = 16

func newInbox() *inbox {
	return &inbox{news: make(chan struct{}, 1), done: make(chan struct{}), answers: map[int64][]byte{}}
}

// put keeps an answer until it is taken.
func (b *inbox) put(m *message, data []byte) {
	id, ok := idNumber(m.ID)
	if !ok {
		return
	}
	b.mu.Lock()
	if len(b.answers) >= mostAnswers {
		clear(b.answers)
	}
	b.answers[id] = bytes.Clone(data)
	b.mu.Unlock()
	select {
	case b.news <- struct{}{}:
	default:
	}
}

func (b *inbox) take(id int64) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	data := b.answers[id]
	delete(b.answers, id)
	return data
}

// elsewhere is an answer that only clients with a standalone stream get.
var elsewhere = deviation{text: "answers come on the standalone event stream, after a 202; clients that do not open it wait in vain"}

// await waits for the answer to a request that got 202 without one.
func (b *inbox) await(ctx context.Context, x *exchange) error {
	ctx, cancel := timed(ctx)
	defer cancel()
	over := false
	for {
		if data := b.take(x.id); data != nil {
			x.message, x.received, x.deviations = data, int64(len(data)), append(x.deviations, elsewhere)
			x.noteArray()
			return nil
		}
		if over {
			return noAnswer(http.StatusAccepted)
		}
		select {
		case <-b.news:
		case <-b.done:
			over = true
		case <-ctx.Done():
			return &unansweredError{method: x.method, instead: "; 202 came, and no answer on the event stream", err: ctx.Err()}
		}
	}
}

// noAnswer says that the body of an answer is empty.
func noAnswer(status int) error {
	return malformed("%d %s and no answer; none can come on another stream", status, http.StatusText(status))
}
