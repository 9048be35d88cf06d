package mcp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"
)

// Event is one server-sent event (WHATWG HTML, section 9.2).
type Event struct {
	Name  string // "" is "message"
	ID    string
	Data  []byte // its lines joined by \n
	Retry time.Duration
}

// maxEvent bounds the data of one event.
const maxEvent = 16 << 20

// Events yields the events of a stream, also those without data. It ends
// without an error where the stream ends, and with one where reading fails or
// an event is too large.
func Events(r io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		var events eventReader
		events.reset(r)
		for {
			e, err := events.next()
			if err == nil {
				e.Data = bytes.Clone(e.Data)
			}
			if errors.Is(err, io.EOF) || !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// eventReader reads events one after the other into a buffer that it keeps.
type eventReader struct {
	r          io.Reader
	buf        []byte
	start, end int // of what is in buf and was not read yet
	afterCR    bool
	begun      bool // a line was read
	data       []byte
	read       int64 // bytes of the stream so far
}

// reset begins a new stream.
func (r *eventReader) reset(stream io.Reader) {
	r.r, r.start, r.end, r.afterCR, r.begun, r.read = stream, 0, 0, false, false, 0
	if r.buf == nil {
		r.buf, r.data = make([]byte, 2<<10), make([]byte, 0, 512)
	}
}

// next returns the next event; its data holds until the one after. At the end of
// the stream, an event that is not complete is dropped, as the standard says.
func (r *eventReader) next() (Event, error) {
	var e Event
	r.data = r.data[:0]
	some := false
	for {
		line, err := r.line()
		switch {
		case err != nil:
			return Event{}, err
		case !r.begun:
			r.begun = true
			line = bytes.TrimPrefix(line, []byte(bom))
		}
		switch {
		case len(line) > 0:
			some = r.field(&e, line) || some
			if len(r.data) > maxEvent {
				return Event{}, fmt.Errorf("an event is larger than %d MiB", maxEvent>>20)
			}
		case some:
			return e, nil
		}
	}
}

// line returns a line without its end, which is \n, \r\n or \r.
func (r *eventReader) line() ([]byte, error) {
	seen := 0
	for {
		if r.afterCR && r.start < r.end {
			if r.buf[r.start] == '\n' {
				r.start++
			}
			r.afterCR = false
		}
		if n := endOfLine(r.buf[r.start+seen : r.end]); n >= 0 {
			line := r.buf[r.start : r.start+seen+n]
			r.afterCR = r.buf[r.start+seen+n] == '\r'
			r.start += seen + n + 1
			return line, nil
		}
		if seen = r.end - r.start; seen > maxEvent {
			return nil, fmt.Errorf("a line of the event stream is longer than %d MiB", maxEvent>>20)
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

func endOfLine(data []byte) int {
	n := bytes.IndexByte(data, '\n')
	if n >= 0 {
		data = data[:n]
	}
	if cr := bytes.IndexByte(data, '\r'); cr >= 0 {
		return cr
	}
	return n
}

// fill reads more of the stream, behind what is in the buffer.
func (r *eventReader) fill() error {
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	if r.end == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	n, err := r.r.Read(r.buf[r.end:])
	r.end += n
	r.read += int64(n)
	if n > 0 {
		return nil
	}
	return err
}

// field takes one line into e and reports whether it was a field of it.
func (r *eventReader) field(e *Event, line []byte) bool {
	name, value, _ := bytes.Cut(line, []byte(":"))
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "event":
		if string(value) == "message" { // the usual one costs nothing
			e.Name = "message"
		} else {
			e.Name = string(value)
		}
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			e.ID = string(value)
		}
	case "data":
		if e.Data != nil {
			r.data = append(r.data, '\n')
		}
		r.data = append(r.data, value...)
		e.Data = r.data
	case "retry":
		ms, err := strconv.ParseUint(string(value), 10, 31)
		e.Retry = time.Duration(ms) * time.Millisecond
		return err == nil
	default:
		return false
	}
	return true
}
