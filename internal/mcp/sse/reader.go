package sse

import "io"

// Reader reads the events of a stream one after the other.
type Reader struct {
	Parser

	stream io.Reader
	buf    []byte
	rest   []byte // of buf, not yet parsed
	read   int64
}

// readSize is the size of the buffer of a Reader. It is small because load tests
// have thousands of them.
const readSize = 2 << 10

// NewReader returns a Reader of stream whose events have at most maxData bytes of
// data, DefaultMax where it is 0.
func NewReader(stream io.Reader, maxData int) *Reader {
	r := &Reader{Parser: Parser{Max: maxData}}
	r.Reset(stream)
	return r
}

// Reset begins a new stream and keeps the memory of the last one.
func (r *Reader) Reset(stream io.Reader) {
	r.Parser.Reset()
	if r.buf == nil {
		r.buf = make([]byte, readSize)
	}
	r.stream, r.rest, r.read = stream, nil, 0
}

// Held reports whether the official TypeScript client holds e, the last event,
// back until more data arrives: its blank line ends in a carriage return, after which that
// client waits for a line feed.
func (r *Reader) Held(e Event) bool { return e.LoneCR && r.cr && len(r.rest) == 0 }

// BytesRead returns how much of the stream was read.
func (r *Reader) BytesRead() int64 { return r.read }

// Next returns the next event; its data is valid until the call after. At the end
// of the stream it returns io.EOF and drops an incomplete event, as the standard says.
func (r *Reader) Next() (Event, error) {
	for {
		e, rest, ok, err := r.Parser.Next(r.rest)
		r.rest = rest
		if ok || err != nil {
			return e, err
		}
		n, err := r.stream.Read(r.buf)
		r.rest = r.buf[:n]
		r.read += int64(n)
		if n == 0 && err != nil {
			return Event{}, err
		}
	}
}
