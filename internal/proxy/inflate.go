package proxy

import (
	"io"
	"net/http"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// maxInflated is how much of a compressed response is unpacked.
const maxInflated = 16 << 20

// inflater unpacks a compressed response on the side; the response itself
// passes as it is.
type inflater struct {
	in   *io.PipeWriter
	done chan struct{}
}

// newInflater returns an inflater that shows the unpacked bytes to observe, or an
// error if one of the encodings in header is unknown.
func newInflater(header http.Header, observe func([]byte), rescue func()) (*inflater, error) {
	r, w := io.Pipe()
	plain, err := client.Decode(header, r)
	if err != nil {
		return nil, err
	}
	f := &inflater{in: w, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		defer r.Close() //nolint:errcheck // it unblocks write
		defer rescue()
		_, _ = io.Copy(observer(observe), io.LimitReader(plain, maxInflated)) // malformed data is ignored
	}()
	return f, nil
}

func (f *inflater) write(p []byte) { _, _ = f.in.Write(p) }

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
