package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// direct speaks HTTP/1.1 with a server, without TLS. A connection of it is one
// buffer and no goroutine, where one of net/http has two of each, which is what
// ten thousand streams cost most, and a switch between them for every call.
// What it does not do (large bodies, TLS, ways through other proxies) is other's.
type direct struct {
	dial  dialer
	host  string
	other *http.Transport

	mu   sync.Mutex
	idle []*wire // that came back last is last
	reap *time.Timer
}

// dialer opens connections.
type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

const (
	maxHeader = 1 << 20 // bytes of an answer's header
	wireRead  = 1 << 10 // bytes of a connection's buffer: a large body passes it by
	maxIdle   = 10_000
)

// idleWire is how long a connection to the server may be idle: Node and uvicorn
// close one that is idle for 5 s, and a call may not meet that.
const idleWire = 4 * time.Second

// wire is a connection to the server.
type wire struct {
	net.Conn
	direct *direct
	in     *bufio.Reader
	room   int // bytes that may still be read
	stop   func() bool
	reused bool
	since  time.Time // when it became idle
}

var errHeader = errors.New("its header is too long")

// Read implements io.Reader, within bounds.
func (w *wire) Read(p []byte) (int, error) {
	if w.room <= 0 {
		return 0, errHeader
	}
	n, err := w.Conn.Read(p[:min(len(p), w.room)])
	w.room -= n
	return n, err
}

// messages are buffers for requests.
var messages = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// RoundTrip implements http.RoundTripper.
func (d *direct) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.ContentLength < 0 || req.ContentLength > smallBody || len(req.Header["Expect"]) > 0 {
		return d.other.RoundTrip(req)
	}
	message, _ := messages.Get().(*bytes.Buffer)
	defer messages.Put(message)
	message.Reset()
	if err := req.Write(message); err != nil {
		return nil, err
	}
	for {
		w, err := d.wire(req.Context())
		if err != nil {
			return nil, err
		}
		resp, sent, err := w.exchange(req, message.Bytes())
		if err == nil {
			return resp, nil
		}
		w.stop()
		_ = w.Close() // it has failed already
		// The server may have closed it just before. What it did not get whole, or
		// what may be asked twice, is asked again.
		if !w.reused || sent && (req.Method != http.MethodGet || w.room < maxHeader) || req.Context().Err() != nil {
			return nil, err
		}
	}
}

// wire is a connection that the server has not closed.
func (d *direct) wire(ctx context.Context) (*wire, error) {
	for {
		w := d.take()
		if w == nil {
			break
		}
		if w.reused = true; isOpen(w.Conn) {
			return w, nil
		}
		_ = w.Close() // the server has, or it says what nobody asked
	}
	conn, err := d.dial(ctx, "tcp", d.host)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn, direct: d}
	w.in = bufio.NewReaderSize(w, wireRead)
	return w, nil
}

// take is the connection that was used last, or nil.
func (d *direct) take() *wire {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := len(d.idle) - 1
	if last < 0 {
		return nil
	}
	w := d.idle[last]
	d.idle[last], d.idle = nil, d.idle[:last]
	return w
}

// put takes a connection back.
func (d *direct) put(w *wire) {
	w.since, w.stop = time.Now(), nil
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.idle) == maxIdle {
		_ = w.Close() // nobody waits for it
		return
	}
	d.idle = append(d.idle, w)
	if d.reap == nil {
		d.reap = time.AfterFunc(idleWire, d.closeIdle)
	}
}

// closeIdle closes the connections that have been idle for long, which are the first.
func (d *direct) closeIdle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := 0
	for old < len(d.idle) && time.Since(d.idle[old].since) >= idleWire {
		_ = d.idle[old].Close() // nobody waits for it
		old++
	}
	d.idle = append([]*wire(nil), d.idle[old:]...)
	d.reap = nil
	if len(d.idle) > 0 {
		d.reap = time.AfterFunc(idleWire-time.Since(d.idle[0].since), d.closeIdle)
	}
}

// exchange sends a request and reads the answer up to its body. sent says
// whether the server may have got the request.
func (w *wire) exchange(req *http.Request, message []byte) (resp *http.Response, sent bool, err error) {
	w.room = maxHeader
	w.stop = context.AfterFunc(req.Context(), func() { _ = w.Close() })
	if _, err := w.Write(message); err != nil {
		return nil, false, err
	}
	for {
		resp, err = http.ReadResponse(w.in, req)
		switch {
		case err != nil:
			return nil, true, err
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, true, errors.New("it switches protocols unasked")
		case resp.StatusCode >= 200:
			w.room = math.MaxInt
			resp.Request = nil // a stream would hold it
			resp.Body = &wireBody{ReadCloser: resp.Body, wire: w, closing: resp.Close}
			return resp, true, nil
		}
	}
}

// wireBody is the body of an answer. At its end the connection is free.
type wireBody struct {
	io.ReadCloser
	wire    *wire
	closing bool // the connection ends with it
	done    bool
}

// Read implements io.Reader.
func (b *wireBody) Read(p []byte) (int, error) {
	if b.done {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.release(!b.closing && b.wire.in.Buffered() == 0)
	}
	return n, err
}

// Close implements io.Closer.
func (b *wireBody) Close() error {
	b.release(false)
	return nil
}

func (b *wireBody) release(reusable bool) {
	if b.done {
		return
	}
	b.done = true
	if b.detach() && reusable {
		b.wire.direct.put(b.wire)
		return
	}
	_ = b.wire.Close() // nothing is expected of it any more
}

// detach has the body outlast the context of its request. It is false where that has ended.
func (b *wireBody) detach() bool {
	stop := b.wire.stop
	b.wire.stop = nil
	return stop == nil || stop()
}

// quiet waits for more of the body, and reports whether none came in time.
func (b *wireBody) quiet(patience time.Duration) bool {
	if b.done || b.wire.in.Buffered() > 0 || b.wire.SetReadDeadline(time.Now().Add(patience)) != nil {
		return false
	}
	_, err := b.wire.in.Peek(1) // an error but this one is Read's to tell
	return b.wire.SetReadDeadline(time.Time{}) == nil && errors.Is(err, os.ErrDeadlineExceeded)
}

// wait waits for more of the body, or its end.
func (b *wireBody) wait() { _, _ = b.wire.in.Peek(1) } // Read will say why there is none
