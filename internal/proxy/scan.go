package proxy

import "bytes"

// message is what matters of one JSON-RPC message. Its bytes are the scanner's,
// valid until it goes on.
type message struct {
	id       []byte // raw: 1 and "1" are two ids
	method   []byte // raw
	name     []byte // params.name, raw: the tool of a call
	canceled []byte // params.requestId, raw
	trace    []byte // params._meta.traceparent, raw
	isError  []byte // result.isError, raw
	code     []byte // error.code, raw
	result   bool
	fault    bool // it has an error
}

func (m *message) reset() {
	*m = message{id: m.id[:0], method: m.method[:0], name: m.name[:0], canceled: m.canceled[:0],
		trace: m.trace[:0], isError: m.isError[:0], code: m.code[:0]}
}

// maxValue is how much of a value the scanner keeps, and maxKey how much of a key.
const (
	maxValue = 1 << 10
	maxKey   = 16
)

// node is an object or array that the scanner looks into; it passes over the others.
type node uint8

const (
	nowhere node = iota
	batch
	whole // the message itself
	params
	meta
	result
	fault
)

// scanner finds the few members of JSON-RPC messages that matter while they
// pass by in pieces of any size. It keeps nothing of the rest, does not mind
// what is not JSON, and calls emit at the end of each message.
type scanner struct {
	emit func(*message)
	msg  message

	path  [4]node // the objects that are open and of interest
	known int     // how many of them
	depth int     // objects and arrays that are open

	key    []byte  // the last key, where it is of interest
	isKey  bool    // a string here would be a key
	want   *[]byte // where the value at hand goes, or nil
	text   bool    // in a string
	escape bool    // after a backslash in it
}

// Write takes the next piece.
func (s *scanner) Write(p []byte) {
	for i := 0; i < len(p); {
		if s.text {
			i = s.string(p, i)
			continue
		}
		switch c := p[i]; c {
		case '"':
			s.text = true
			if s.isKey && s.depth == s.known {
				s.key = s.key[:0]
			}
			s.keep(p[i : i+1])
		case '{', '[':
			s.open(c)
		case '}', ']':
			s.close()
		case ',':
			s.want, s.isKey = nil, true
		case ':':
			s.colon()
		case ' ', '\t', '\r', '\n':
		default:
			s.keep(p[i : i+1])
		}
		i++
	}
}

// string takes what p has of the string at hand and returns where it goes on.
func (s *scanner) string(p []byte, i int) int {
	if s.escape {
		s.escape = false
		s.keep(p[i : i+1])
		return i + 1
	}
	end := len(p)
	if n := bytes.IndexByte(p[i:], '"'); n >= 0 {
		end = i + n + 1
		s.text = false
	}
	if n := bytes.IndexByte(p[i:end], '\\'); n >= 0 {
		return s.escapes(p, i, i+n, end)
	}
	s.keep(p[i:end])
	return end
}

// escapes takes a string up to the quote at end-1, whose first backslash is at
// back: each hides the byte after it, and the last one may hide the quote.
func (s *scanner) escapes(p []byte, from, back, end int) int {
	for back >= 0 && back < end {
		if back+1 == len(p) {
			s.escape, s.text = true, true
			break
		}
		if back+1 == end-1 && p[end-1] == '"' {
			s.text = true // it was no end
			break
		}
		next := bytes.IndexByte(p[back+2:max(end, back+2)], '\\')
		if next < 0 {
			break
		}
		back += 2 + next
	}
	s.keep(p[from:end])
	return end
}

// keep adds to the key or the value at hand, where it is wanted.
func (s *scanner) keep(p []byte) {
	switch {
	case s.depth != s.known || s.known == 0:
	case s.want != nil:
		*s.want = append(*s.want, p[:min(len(p), maxValue-min(len(*s.want), maxValue))]...)
	case s.isKey:
		s.key = append(s.key, p[:min(len(p), maxKey-min(len(s.key), maxKey))]...)
	}
}

// colon ends a key: its value is next.
func (s *scanner) colon() {
	if s.depth != s.known || s.known == 0 {
		return
	}
	s.isKey = false
	if s.want = s.wanted(); s.want != nil {
		*s.want = (*s.want)[:0] // of two equal keys the last one counts, as for most readers
	}
}

func (s *scanner) wanted() *[]byte {
	switch s.path[s.known-1] {
	case whole:
		switch string(s.key) {
		case `"id"`:
			return &s.msg.id
		case `"method"`:
			return &s.msg.method
		case `"result"`:
			s.msg.result = true
		case `"error"`:
			s.msg.fault = true
		}
	case params:
		switch string(s.key) {
		case `"name"`:
			return &s.msg.name
		case `"requestId"`:
			return &s.msg.canceled
		}
	case meta:
		if string(s.key) == `"traceparent"` {
			return &s.msg.trace
		}
	case result:
		if string(s.key) == `"isError"` {
			return &s.msg.isError
		}
	case fault:
		if string(s.key) == `"code"` {
			return &s.msg.code
		}
	case nowhere, batch:
	}
	return nil
}

// open begins an object or array.
func (s *scanner) open(c byte) {
	if s.depth == s.known && s.known < len(s.path) {
		if n := s.inner(c); n != nowhere {
			s.path[s.known] = n
			s.known++
			s.isKey = n != batch
			if n == whole {
				s.msg.reset()
			}
		}
	}
	s.want = nil
	s.depth++
}

// inner is what the object or array that begins here is.
func (s *scanner) inner(c byte) node {
	switch {
	case s.known == 0 && c == '[':
		return batch
	case c == '[':
		return nowhere
	case s.known == 0 || s.path[s.known-1] == batch:
		return whole
	}
	switch at := s.path[s.known-1]; {
	case at == whole && string(s.key) == `"params"`:
		return params
	case at == whole && string(s.key) == `"result"`:
		return result
	case at == whole && string(s.key) == `"error"`:
		return fault
	case at == params && string(s.key) == `"_meta"`:
		return meta
	}
	return nowhere
}

// close ends an object or array.
func (s *scanner) close() {
	if s.depth == 0 {
		return
	}
	s.depth--
	s.want = nil
	if s.depth >= s.known {
		return
	}
	s.known--
	s.isKey = false
	if s.path[s.known] == whole {
		s.emit(&s.msg)
	}
}

// end forgets a message that has not ended: the document that held it is over.
func (s *scanner) end() {
	s.known, s.depth = 0, 0
	s.want, s.isKey, s.text, s.escape = nil, false, false, false
}
