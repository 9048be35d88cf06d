package sse

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"
	"time"
)

// DefaultMax is the limit on the data of one event.
const DefaultMax = 16 << 20

// Event is one server-sent event. Its Data is valid until the next one is parsed.
type Event struct {
	Name  string // "" means "message"
	ID    string
	Data  []byte        // its lines joined by \n; nil where the event has none, which a browser would not dispatch
	Retry time.Duration // 0 where the event has none; 1 ns for "retry: 0"

	LoneCR bool // a line of it ended in a carriage return alone, which the standard allows
}

// IsMessage reports whether e carries a message: it has data and no other name.
func (e *Event) IsMessage() bool {
	return len(e.Data) > 0 && (e.Name == "" || e.Name == "message")
}

// Parser parses a stream that arrives in pieces of any size. The zero value is
// ready for use.
type Parser struct {
	Max  int               // limit on the data of one event; 0 means DefaultMax
	Sink func(part []byte) // receives the data instead of Event.Data, in pieces and without a limit

	event Event
	data  []byte
	some  bool // the event has had a valid field

	field   []byte // name of the field on the current line
	value   []byte // its value, unless it is data
	inValue bool   // after the colon
	space   bool   // a space that follows is not part of the value
	cr      bool   // after a carriage return
	begun   bool   // after the first line
	unknown string // name of the first field that events do not have
	isData  bool   // the current field is data
}

// Limits on fields other than data: longer names are unknown, longer values are cut.
const (
	maxField = 16
	maxValue = 4 << 10
)

// byteOrderMark may begin a stream.
const byteOrderMark = "\xef\xbb\xbf"

// Next parses in up to the end of an event. It returns the event, the rest of in
// and true, or false where in ends within an event. An event without data is
// returned too, for its ID and Retry.
func (p *Parser) Next(in []byte) (e Event, rest []byte, ok bool, err error) {
	for len(in) > 0 {
		if p.cr {
			p.cr = false
			if in[0] == '\n' {
				in = in[1:]
				continue
			}
			p.event.LoneCR = p.some
		}
		n := lineEnd(in)
		if n < 0 {
			return Event{}, nil, false, p.part(in)
		}
		if err := p.part(in[:n]); err != nil {
			return Event{}, nil, false, err
		}
		p.cr = in[n] == '\r'
		in = in[n+1:]
		if p.endLine() {
			return p.dispatch(), in, true, nil
		}
	}
	return Event{}, nil, false, nil
}

// lineEnd returns the index of the first line end in p, or -1.
func lineEnd(p []byte) int {
	n := bytes.IndexByte(p, '\n')
	if n >= 0 {
		p = p[:n]
	}
	if r := bytes.IndexByte(p, '\r'); r >= 0 {
		return r
	}
	return n
}

// part takes a part of a line.
func (p *Parser) part(line []byte) error {
	if !p.inValue {
		name, value, colon := bytes.Cut(line, []byte(":"))
		p.field = append(p.field, name[:min(len(name), maxField-len(p.field))]...)
		if !colon {
			return nil
		}
		p.beginValue()
		line = value
	}
	if p.space && len(line) > 0 {
		p.space = false
		line = bytes.TrimPrefix(line, []byte(" "))
	}
	if p.isData {
		return p.appendData(line)
	}
	p.value = append(p.value, line[:min(len(line), maxValue-len(p.value))]...)
	return nil
}

// beginValue notes that the name of the field is complete.
func (p *Parser) beginValue() {
	if !p.begun {
		p.begun = true
		p.field = bytes.TrimPrefix(p.field, []byte(byteOrderMark))
	}
	p.inValue, p.space, p.value = true, true, p.value[:0]
	if p.isData = string(p.field) == "data"; !p.isData {
		return
	}
	p.some = true
	switch {
	case p.event.Data == nil:
		p.data = p.data[:0]
	case p.Sink != nil:
		p.Sink([]byte("\n"))
	default:
		p.data = append(p.data, '\n')
	}
	p.event.Data = []byte{} // the event has data, perhaps of length 0
}

func (p *Parser) appendData(part []byte) error {
	if p.Sink != nil {
		p.Sink(part)
		return nil
	}
	limit := p.Max
	if limit <= 0 {
		limit = DefaultMax
	}
	if len(p.data)+len(part) > limit {
		return &TooLargeError{Max: limit}
	}
	p.data = append(p.data, part...)
	return nil
}

// endLine ends a line and reports whether it ends an event.
func (p *Parser) endLine() bool {
	blank := !p.inValue
	if blank {
		p.beginValue() // a field without a colon has an empty value
		blank = len(p.field) == 0
	}
	switch string(p.field) {
	case "event":
		p.some = true
		if p.event.Name = "message"; string(p.value) != p.event.Name { // the usual name is not allocated
			p.event.Name = string(p.value)
		}
	case "id":
		p.some = true
		if bytes.IndexByte(p.value, 0) < 0 {
			p.event.ID = string(p.value)
		}
	case "retry":
		if ms, err := strconv.ParseUint(string(p.value), 10, 31); err == nil {
			p.some = true
			p.event.Retry = max(1, time.Duration(ms)*time.Millisecond)
		}
	case "data":
	default:
		p.unknown = cmp.Or(p.unknown, string(p.field))
	}
	p.field, p.inValue = p.field[:0], false
	return blank && p.some
}

// dispatch returns the event and begins the next one.
func (p *Parser) dispatch() Event {
	e := p.event
	if len(p.data) > 0 && e.Data != nil && p.Sink == nil {
		e.Data = p.data
	}
	p.event, p.some = Event{}, false
	return e
}

// Left describes data of the stream that is not part of a complete event, "" if there is none.
func (p *Parser) Left() string {
	unknown := cmp.Or(p.unknown, string(p.field))
	switch {
	case p.some:
		return "no blank line ends its last event"
	case unknown != "":
		return fmt.Sprintf("it has a line that begins with %.40q, as no field of an event does", unknown)
	}
	return ""
}

// Reset prepares p for a new stream.
func (p *Parser) Reset() {
	*p = Parser{Max: p.Max, Sink: p.Sink, data: p.data[:0], field: p.field[:0], value: p.value[:0]}
}

// TooLargeError says that the data of an event is larger than the limit.
type TooLargeError struct{ Max int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("an event of the stream is larger than %d bytes; --max-body raises the limit", e.Max)
}
