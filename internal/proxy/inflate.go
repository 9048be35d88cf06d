package proxy

import (
	"compress/gzip"
	"io"
)

// maxInflated is how much of a compressed answer is read for what it says.
const maxInflated = 16 << 20

// inflater reads what a compressed answer says, beside the answer itself,
// which passes as it is.
type inflater struct {
	in   *io.PipeWriter
	done chan struct{}
}

func newInflater(to func([]byte), rescue func()) *inflater {
	r, w := io.Pipe()
	f := &inflater{in: w, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		defer r.Close() //nolint:errcheck // nobody waits to write
		defer rescue()
		if z, err := gzip.NewReader(r); err == nil {
			_, _ = io.Copy(sink(to), io.LimitReader(z, maxInflated)) // what cannot be read says nothing
		}
	}()
	return f
}

func (f *inflater) write(p []byte) { _, _ = f.in.Write(p) }

// close waits until all has been read.
func (f *inflater) close() {
	_ = f.in.Close()
	<-f.done
}

// sink is a function as an io.Writer.
type sink func([]byte)

func (s sink) Write(p []byte) (int, error) {
	s(p)
	return len(p), nil
}
