package proxy

import (
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// settling is a proxy whose streams settle at once, and whose connections wait soon.
func settling(t *testing.T, h http.Handler) (*Proxy, string) {
	t.Helper()
	if !canLook {
		t.Skip("streams do not settle on this system")
	}
	p := New(Config{To: serverOf(t, h), Guard: Guard{Private: true}})
	p.forward.settlesAfter, p.lingers = time.Millisecond, 5*time.Millisecond
	return p, listen(t, p)
}

// pieces answers with what comes over a channel, flushed piece by piece, until it is closed.
func pieces(next chan string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			_, _ = io.Copy(w, r.Body)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Trailer", "X-Sum")
		flush := http.NewResponseController(w).Flush
		for _ = flush(); ; _ = flush() {
			select {
			case piece, more := <-next:
				switch {
				case piece == "abort":
					panic(http.ErrAbortHandler)
				case !more:
					w.Header().Set("X-Sum", "42")
					return
				}
				_, _ = io.WriteString(w, piece)
			case <-r.Context().Done():
				next <- "cancelled"
				return
			}
		}
	}
}

// TestSettled: a stream that was quiet goes on as it was, to its trailer, and
// its connection is used again.
func TestSettled(t *testing.T) {
	next := make(chan string)
	p, url := settling(t, pieces(next))
	c := dialProxy(t, url)
	c.send(wireRequest("GET", ""))
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	time.Sleep(20 * time.Millisecond) // it settles
	for i, piece := range []string{"data: {\"id\":1,", ": x\n\n", strings.Repeat("data: \xff日本\r\n", 20_000), "\n"} {
		next <- piece
		got := make([]byte, len(piece))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != piece {
			t.Fatalf("piece %d came as %.20q, %v", i, got, err)
		}
	}
	if d := p.Snapshot(); *d.OpenStreams != 1 {
		t.Errorf("while the stream is open: %s", counts(d))
	}
	c.send(wireRequest("POST", "the next request"))
	close(next)
	if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil || resp.Trailer.Get("X-Sum") != "42" {
		t.Errorf("the end is %q, %v, trailer %v", rest, err, resp.Trailer)
	}
	if got := c.answer(); got != "the next request" {
		t.Errorf("the next request is answered %q", got)
	}
	if d := p.Snapshot(); *d.OpenStreams != 0 {
		t.Errorf("at the end: %s", counts(d))
	}
	for range 3 {
		time.Sleep(10 * time.Millisecond) // it waits in the lot
		c.send(wireRequest("POST", "another"))
		if got := c.answer(); got != "another" {
			t.Errorf("another request is answered %q", got)
		}
	}
}

// TestSettledEnds: ends that are not well reach the other side of a settled stream.
func TestSettledEnds(t *testing.T) {
	next := make(chan string)
	p, url := settling(t, pieces(next))
	open := func() (*talk, *http.Response) {
		c := dialProxy(t, url)
		c.send(wireRequest("GET", ""))
		resp, err := http.ReadResponse(c.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // it settles
		return c, resp
	}
	c, resp := open()
	c.Close()
	resp.Body.Close()
	if word := <-next; word != "cancelled" {
		t.Errorf("the client went away, the server saw %q", word)
	}
	_, resp = open()
	next <- "abort"
	if rest, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the server broke off, the client saw a whole answer %q", rest)
	}
	resp.Body.Close()
	eventually(t, p, "over", func(d *Document) bool { return *d.OpenStreams == 0 })
}

// TestSettledCall: a call whose answer is long in coming is one in flight, and
// is answered or cancelled as any.
func TestSettledCall(t *testing.T) {
	f := newFake()
	p, url := settling(t, f)
	id := initSession(t, url)
	for _, end := range []string{"done", "cancelled"} {
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := http.DefaultClient.Do(request(ctx, http.MethodPost, url, id, callOf(7, "hang")))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // it settles
		if d := p.Snapshot(); len(d.ToolCallStack) != 1 || *d.OpenStreams != 1 {
			t.Errorf("in flight: %s", counts(d))
		}
		if end == "done" {
			f.hang <- end
			body, err := io.ReadAll(resp.Body)
			if err != nil || !strings.HasSuffix(string(body), "{\"id\":7,\"result\":{\"x\":\"done\"}}\n\n") {
				t.Errorf("the answer is %q, %v", body, err)
			}
		} else {
			cancel()
			if word := <-f.hang; word != "cancelled" {
				t.Errorf("the server saw %q", word)
			}
		}
		cancel()
		resp.Body.Close()
	}
	eventually(t, p, "over", func(d *Document) bool {
		return counts(d) == "sessions 1 created 1 closed 0 expired 0 streams 0 calls 2 errors 1 in flight 0"
	})
}

// TestSettledTransparent: the corpus in pieces with pauses between them, so
// that the stream settles somewhere in it.
func TestSettledTransparent(t *testing.T) {
	_, url := settling(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for i, size := 0, len(body)/4+1; len(body) > 0; i++ {
			n := min(size, len(body))
			_, _ = w.Write(body[:n])
			_ = http.NewResponseController(w).Flush()
			body = body[n:]
			time.Sleep(4 * time.Millisecond)
		}
	}))
	for name, body := range corpus {
		for range 3 { // on the connection that has settled before
			resp, err := http.DefaultClient.Do(request(t.Context(), http.MethodPost, url, "", body))
			if err != nil {
				t.Fatal(err)
			}
			back, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || sha256.Sum256(back) != sha256.Sum256([]byte(body)) {
				t.Errorf("%s: %d of %d bytes came, or others, %v", name, len(back), len(body), err)
			}
		}
	}
}

// TestEndsWithSettled: the proxy ends while streams are open.
func TestEndsWithSettled(t *testing.T) {
	next := make(chan string, 1)
	p := New(Config{To: serverOf(t, pieces(next)), Guard: Guard{Private: true}})
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error)
	l, url := listener(t)
	go func() { ended <- p.Serve(ctx, l) }()
	c := dialProxy(t, url)
	c.send(wireRequest("GET", ""))
	if _, err := http.ReadResponse(c.in, nil); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	end()
	if err := <-ended; err != nil || !c.ended() {
		t.Errorf("%v, or the stream outlives the proxy", err)
	}
	if word := <-next; word != "cancelled" {
		t.Errorf("the server saw %q", word)
	}
}
