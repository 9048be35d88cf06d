package proxy

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// A request body may take uploadPatience, and a second more for each
// uploadRate bytes received: slow but steady uploads pass, and an upload that
// stalls gives up its connection.
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
	start   time.Time
	read    int64
	failed  atomic.Pointer[error]
}

// Read implements io.Reader.
func (b *uploadBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(uploadDeadline(b.start, b.read)) // recorders in tests do not support it
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.observe(p[:n])
	if err != nil {
		b.clearDeadline()
		if !errors.Is(err, io.EOF) {
			b.failed.Store(&err)
		}
	}
	return n, err
}

// uploadDeadline returns when a body that began at start and has brought read
// bytes must have brought more.
func uploadDeadline(start time.Time, read int64) time.Time {
	return start.Add(uploadPatience + time.Duration(read)*(time.Second/uploadRate))
}

// clearDeadline lets the connection be silent while the response lasts.
func (b *uploadBody) clearDeadline() { _ = b.control.SetReadDeadline(time.Time{}) }

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
