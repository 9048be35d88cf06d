package mcp

import (
	"bufio"
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
		lines := bufio.NewReaderSize(r, 4<<10)
		var e Event
		some := false
		for {
			line, err := readLine(lines)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					yield(Event{}, err)
				}
				return
			}
			if len(line) > 0 {
				some = e.field(line) || some
				if len(e.Data) > maxEvent {
					yield(Event{}, fmt.Errorf("an event is larger than %d MiB", maxEvent>>20))
					return
				}
				continue
			}
			if some && !yield(e, nil) {
				return
			}
			e, some = Event{}, false
		}
	}
}

// readLine returns a line without its end, which is \n, \r\n or \r; a last line
// that has none is dropped, as the standard says.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		c, err := r.ReadByte()
		switch {
		case err != nil:
			return nil, err
		case c == '\n':
			return line, nil
		case c == '\r':
			if next, err := r.Peek(1); err == nil && next[0] == '\n' {
				_, _ = r.Discard(1) // it was peeked
			}
			return line, nil
		case len(line) > maxEvent:
			return nil, fmt.Errorf("a line of the event stream is longer than %d MiB", maxEvent>>20)
		}
		line = append(line, c)
	}
}

// field takes one line into e and reports whether it was a field of it.
func (e *Event) field(line []byte) bool {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "event":
		e.Name = string(value)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			e.ID = string(value)
		}
	case "data":
		if e.Data != nil {
			e.Data = append(e.Data, '\n')
		}
		e.Data = append(e.Data, value...)
	case "retry":
		ms, err := strconv.ParseUint(string(value), 10, 31)
		e.Retry = time.Duration(ms) * time.Millisecond
		return err == nil
	default:
		return false
	}
	return true
}
