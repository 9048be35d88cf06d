// Package lines reads lines of limited length from a stream that is not trusted.
//
// Reader returns one line after the other. A line beyond the limit is an error
// that does not end the stream, and Skipped counts such lines.
package lines

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Reader reads lines.
type Reader struct {
	in      *bufio.Reader
	limit   int
	long    []byte // a line that did not fit into the buffer of in
	discard bool   // the rest of the current line is beyond the limit
}

// TooLongError says that a line is longer than the limit.
type TooLongError struct{ Limit int }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("a line is longer than %d bytes", e.Limit)
}

// bufferSize is the size of the read buffer, and the longest line without a copy.
const bufferSize = 16 << 10

// NewReader returns a Reader whose lines have at most limit bytes.
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, bufferSize), limit: limit}
}

// Next returns the next line without its end, which is \n or \r\n; it is valid
// until the next call. The last line need not have an end. A line beyond the limit
// is a *TooLongError; Next then goes on with the line after it.
func (r *Reader) Next() ([]byte, error) {
	if r.discard {
		if err := r.rest(); err != nil {
			return nil, err
		}
	}
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		r.long = append(r.long[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) && len(r.long) <= r.limit {
			line, err = r.in.ReadSlice('\n')
			r.long = append(r.long, line...)
		}
		line = r.long
	}
	switch r.discard = errors.Is(err, bufio.ErrBufferFull); {
	case r.discard, err == nil, errors.Is(err, io.EOF) && len(line) > 0:
	default:
		return nil, err
	}
	if text := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")); len(text) <= r.limit && !r.discard {
		return text, nil
	}
	r.long = nil // it may be large
	return nil, &TooLongError{Limit: r.limit}
}

// rest passes over the rest of a line beyond the limit.
func (r *Reader) rest() error {
	for {
		_, err := r.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		r.discard = false
		return err
	}
}
