package snapshot

import (
	"bytes"
	"errors"
	"io"
)

// pieceSize is the size of the pieces in which a longer line is read.
const pieceSize = 1 << 18

// lineReader divides its input into lines, and lines that do not fit into pieceSize
// into pieces. It grows to MaxLine for a document that needs it.
type lineReader struct {
	src  io.Reader
	buf  []byte // unread input is buf[from:]
	from int
	end  int // just past the newline of the current line, 0 if not yet found
	seen int // the bytes of buf before it hold no newline
	err  error
	line int // number of the current line, from 1
	more int // lines that were joined to it
}

// peek returns the unread part of the current line, through its newline if whole. Of a
// long line it returns a piece. The error after the last line is io.EOF.
func (r *lineReader) peek() (part []byte, whole bool, err error) {
	for {
		if r.findEnd() {
			return r.current(), true, nil
		}
		switch unread := len(r.buf) - r.from; {
		case r.err != nil && (unread == 0 || !errors.Is(r.err, io.EOF)):
			return nil, false, r.err
		case r.err != nil:
			r.end = len(r.buf)
			return r.current(), true, nil //nolint:nilerr // the last line; the end of the file follows
		case unread >= pieceSize/2:
			return r.buf[r.from:], false, nil
		}
		r.fill(pieceSize)
	}
}

func (r *lineReader) findEnd() bool {
	if r.end == 0 {
		r.seen = max(r.seen, r.from)
		if i := bytes.IndexByte(r.buf[r.seen:], '\n'); i >= 0 {
			r.end = r.seen + i + 1
		} else {
			r.seen = len(r.buf)
		}
	}
	return r.end > 0
}

// fill reads once, into a buffer of at least size bytes.
func (r *lineReader) fill(size int) {
	if r.from > 0 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.from:])]
		r.seen -= r.from
		r.from = 0
	}
	if cap(r.buf) < size {
		r.buf = append(make([]byte, 0, size), r.buf...)
	}
	n, err := r.src.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf, r.err = r.buf[:len(r.buf)+n], err
}

// grow makes peek return more of the current piece. It returns false at the limit.
func (r *lineReader) grow() bool {
	unread := len(r.buf) - r.from
	if unread > MaxLine {
		return false
	}
	size := min(2*unread, MaxLine+1)
	for r.err == nil && len(r.buf)-r.from < size && !r.findEnd() {
		r.fill(size)
	}
	return true
}

// join appends the next line to the current one and returns its first byte, 0 if there
// is none or no space for it.
func (r *lineReader) join() byte {
	length := r.end - r.from
	r.end, r.seen = 0, r.end
	for !r.findEnd() && r.err == nil && len(r.buf)-r.from <= MaxLine {
		r.fill(min(2*max(len(r.buf)-r.from, pieceSize), MaxLine+pieceSize))
	}
	if r.end == 0 { // the last line, or a line above the limit
		r.end = len(r.buf)
	}
	if r.from+length == r.end {
		return 0
	}
	r.more++
	return r.buf[r.from+length]
}

// joinDocument joins the lines up to the first that begins with a closing brace. It
// returns false, and joins none, if the next line begins a document of its own.
func (r *lineReader) joinDocument() bool {
	length := r.end - r.from
	for first := true; ; first = false {
		switch c := r.join(); {
		case first && (c == 0 || c == '{'):
			r.unjoin(length)
			return false
		case c == 0 || c == '}':
			return true
		}
	}
}

// current returns the unread part of the current line, which is whole.
func (r *lineReader) current() []byte { return r.buf[r.from:r.end] }

// unjoin reduces the current line to its first length bytes.
func (r *lineReader) unjoin(length int) {
	r.end, r.seen, r.more = r.from+length, r.from+length, 0
}

// advance skips n bytes of the current line.
func (r *lineReader) advance(n int) {
	r.from += n
	if r.end > 0 && r.from >= r.end {
		r.line += 1 + r.more
		r.end, r.more = 0, 0
	}
}

// discard skips the rest of the current line.
func (r *lineReader) discard() {
	if r.end > 0 && r.buf[r.end-1] != '\n' {
		r.end, r.from = 0, r.end // joined lines end at the limit
	}
	for !r.findEnd() && r.err == nil {
		r.from, r.seen = len(r.buf), len(r.buf)
		r.fill(pieceSize)
	}
	if r.end == 0 {
		r.end = len(r.buf)
	}
	r.advance(r.end - r.from)
}
