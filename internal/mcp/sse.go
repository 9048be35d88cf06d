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
		lines := lineReader{r: bufio.NewReaderSize(r, 4<<10)}
		var e Event
		some := false
		for first := true; ; first = false {
			line, err := lines.next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					yield(Event{}, err)
				}
				return
			}
			if first {
				line = bytes.TrimPrefix(line, []byte(bom))
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

// lineReader reads lines that end in \n, \r\n or \r. What follows a \r is not
// waited for: it may be long in coming.
type lineReader struct {
	r  *bufio.Reader
	cr bool // the line before ended in \r
}

// next returns a line without its end; a last line that has none is dropped, as
// the standard says.
func (l *lineReader) next() ([]byte, error) {
	var line []byte
	for {
		c, err := l.r.ReadByte()
		second := l.cr && c == '\n'
		l.cr = c == '\r'
		switch {
		case err != nil:
			return nil, err
		case second:
			continue
		case c == '\n', c == '\r':
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
		if e.Data == nil {
			e.Data = []byte{} // an empty line is one too
		} else {
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
