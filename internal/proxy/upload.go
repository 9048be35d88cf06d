package proxy

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// The proxy waits for a part of a request body for uploadPatience at most, and for all of
// them together for that and a second more for each uploadRate bytes received: slow but
// steady uploads pass, and an upload that stalls, at any time, gives up its connection.
// Time in which the server does not take the body is not counted.
const (
	uploadPatience = 60 * time.Second
	uploadRate     = 100
)

// uploadBody is a request body that shows the bytes read from it to observe
// and ends uploads that stall.
type uploadBody struct {
	io.ReadCloser
	observe func([]byte)
	control *http.ResponseController
	waited  time.Duration
	read    int64
	ended   atomic.Bool
	failed  atomic.Pointer[error]
}

// Read implements io.Reader.
func (b *uploadBody) Read(p []byte) (int, error) {
	begun := time.Now()
	_ = b.control.SetReadDeadline(begun.Add(uploadTime(b.waited, b.read))) // recorders in tests do not support it
	n, err := b.ReadCloser.Read(p)
	b.waited += time.Since(begun)
	b.read += int64(n)
	b.observe(p[:n])
	switch {
	case errors.Is(err, io.EOF):
		b.ended.Store(true)
		b.clearDeadline()
	case err != nil:
		b.failed.Store(&err) // the deadline stays: net/http reads on before it closes the connection
	}
	return n, err
}

// readHead reads the part of a body of this length, -1 if it is unknown, that is read
// before it is passed on: all of a small one, and held bytes of others. whole is false
// if there may be more.
func (b *uploadBody) readHead(length, held int64) (head []byte, whole bool, err error) {
	switch {
	case length >= 0 && length <= max(smallBody, held):
		head = make([]byte, length)
		_, err = io.ReadFull(b, head)
		return head, true, err
	case held > 0:
		head, err = io.ReadAll(io.LimitReader(b, held))
		return head, b.ended.Load(), err
	}
	return nil, false, nil
}

// uploadTime returns how long the proxy waits for the next part of a body that has brought
// read bytes, for which it has waited already.
func uploadTime(waited time.Duration, read int64) time.Duration {
	return min(uploadPatience, uploadPatience+time.Duration(read)*(time.Second/uploadRate)-waited)
}

// limitBody ends reading the body of r after uploadPatience, unless an uploadBody takes
// over: net/http reads the rest of a body that nobody wants before it answers.
func limitBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadPatience)) // recorders in tests do not support it
	}
}

// clearDeadline lets the connection be silent while the response lasts.
func (b *uploadBody) clearDeadline() { _ = b.control.SetReadDeadline(time.Time{}) }

// isCut reports whether the response comes before the end of the body: the rest of the
// body must not be taken for the next request.
func (b *uploadBody) isCut() bool { return b != nil && !b.ended.Load() }

// failure returns the error with which reading the body ended, or nil.
func (b *uploadBody) failure() error {
	if b == nil {
		return nil
	}
	if err := b.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// refuseBody answers a client whose request body could not be read.
func refuseBody(w http.ResponseWriter, err error) outcome {
	w.Header().Set("Connection", "close")
	if errors.Is(err, os.ErrDeadlineExceeded) {
		http.Error(w, "mcpdiag proxy: the request body came too slowly", http.StatusRequestTimeout)
		return outcome("408")
	}
	http.Error(w, "mcpdiag proxy: the request body is incomplete or malformed", http.StatusBadRequest)
	return outcomeCancelled
}
