package proxy

import (
	"io"
	"net/http"
	"sync/atomic"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// A compressed response is unpacked up to leastInflated bytes, and mostRatio for each byte that
// came: text becomes ten to thirty times smaller, and only data that is made to keep the
// proxy busy becomes far smaller.
const (
	leastInflated = 16 << 20
	mostRatio     = 100
)

// inflater unpacks a compressed response on the side; the response itself
// passes as it is.
type inflater struct {
	in       *io.PipeWriter
	plain    io.Reader    // the unpacked response
	packed   atomic.Int64 // bytes written so far
	unpacked int64        // bytes read so far
	beyond   bool         // there was more than is unpacked; valid after close
	done     chan struct{}
}

// newInflater returns an inflater that shows the unpacked bytes to observe, or an
// error if one of the encodings in header is unknown.
func newInflater(header http.Header, observe func([]byte), rescue func()) (*inflater, error) {
	r, w := io.Pipe()
	plain, err := client.Decode(header, r)
	if err != nil {
		return nil, err
	}
	f := &inflater{in: w, plain: plain, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		defer r.Close() //nolint:errcheck // it unblocks write
		defer rescue()
		_, _ = io.Copy(observer(observe), f) // malformed data is ignored
	}()
	return f, nil
}

// Read reads the unpacked response up to the limit.
func (f *inflater) Read(p []byte) (int, error) {
	if f.beyond = f.unpacked > leastInflated+mostRatio*f.packed.Load(); f.beyond {
		return 0, io.EOF
	}
	n, err := f.plain.Read(p)
	f.unpacked += int64(n)
	return n, err
}

func (f *inflater) write(p []byte) {
	f.packed.Add(int64(len(p)))
	_, _ = f.in.Write(p)
}

// close waits until all bytes are unpacked.
func (f *inflater) close() {
	_ = f.in.Close()
	<-f.done
}

// observer is a function as an io.Writer.
type observer func([]byte)

// Write implements io.Writer.
func (o observer) Write(p []byte) (int, error) {
	o(p)
	return len(p), nil
}
