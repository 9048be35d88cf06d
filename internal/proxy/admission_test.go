package proxy

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
)

// counting is a server that counts the calls that it works on at a time, and notes
// how each request came.
type counting struct {
	hold          chan struct{} // a call ends when it is closed
	working, most atomic.Int64
	mu            sync.Mutex
	got           map[string]string
}

func newCounting() *counting { return &counting{hold: make(chan struct{}), got: map[string]string{}} }

func (c *counting) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Header.Del("Expect") // the proxy answers it when it reads the body
	c.mu.Lock()
	c.got[r.Header.Get("X-Kind")] = fmt.Sprintf("%v %d %x %v %q", r.TransferEncoding, r.ContentLength, sha256.Sum256(body), r.Trailer, r.Header)
	c.mu.Unlock()
	if !bytes.Contains(body, []byte("tools/call")) {
		return
	}
	n := c.working.Add(1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	<-c.hold
	c.working.Add(-1)
}

// send sends body, in chunks if it is named so.
func (c *counting) send(t *testing.T, url, kind, body string) {
	req := request(t.Context(), http.MethodPost, url, "", body)
	req.Header.Set("X-Kind", kind)
	req.Header.Set("Expect", "100-continue")
	if strings.Contains(kind, "chunked") {
		req.Body, req.GetBody, req.ContentLength = io.NopCloser(strings.NewReader(body)), nil, -1
		req.Trailer = http.Header{"X-Sum": {"42"}}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	resp.Body.Close()
}

// TestLimitOfAnyBody: calls in chunks and in bodies that are not read whole before they
// are passed on are limited too, and every body arrives as it does without a limit.
// Messages that are no calls pass meanwhile.
func TestLimitOfAnyBody(t *testing.T) {
	t.Parallel()
	const held = smallBody + 1
	text := strings.Repeat("x", held)
	calls := map[string]string{
		"chunked":                callOf(1, "t"),
		"large":                  `{"id":1,"method":"tools/call","params":{"name":"t","text":"` + text + `"}}`,
		"large and chunked":      `{"id":1,"method":"tools/call","params":{"name":"t","text":"` + text + `"}}`,
		"large, its method last": `{"id":1,"params":{"name":"t","text":"` + text + `"},"method":"tools/call"}`,
		"cut in the method":      strings.Repeat(" ", held-20) + `{"id":1,"method":"tools/call"}`,
		"large batch":            `[{"id":1,"result":"` + text + `"},{"id":1,"method":"tools/call"}]`,
	}
	others := map[string]string{
		"answer, chunked":       `{"id":1,"result":{}}`,
		"answer, large":         `{"id":1,"result":{"text":"` + text + `"}}`,
		"error, large":          `{"id":1,"error":{"text":"` + text + `"}}`,
		"notification, chunked": `{"method":"notifications/x","params":"` + text + `"}`,
	}
	var got []map[string]string
	for _, limit := range []int{0, 1} {
		server := newCounting()
		release := sync.OnceFunc(func() { close(server.hold) })
		p := New(Config{To: serverOf(t, server), MaxInFlight: limit, Guard: guard.Guard{Private: true}})
		p.forward.held = min(p.forward.held, held)
		url := listen(t, p)
		t.Cleanup(release)
		var done sync.WaitGroup
		for kind, body := range calls {
			done.Go(func() { server.send(t, url, kind, body) })
		}
		if limit == 0 {
			eventually(t, p, "all are in flight", func(*Document) bool { return server.working.Load() == int64(len(calls)) })
		} else {
			eventually(t, p, "one is in flight", func(*Document) bool { return server.working.Load() == 1 })
		}
		for kind, body := range others {
			server.send(t, url, kind, body)
		}
		release()
		done.Wait()
		if most := server.most.Load(); limit > 0 && most > int64(limit) {
			t.Errorf("%d calls were with the server at a time", most)
		}
		got = append(got, server.got)
	}
	if diff := cmp.Diff(got[0], got[1]); diff != "" {
		t.Errorf("requests without a limit and with one differ:\n%s", diff)
	}
}

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
			_, ok := q.enter(t.Context(), []*operation{op}, false)
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
