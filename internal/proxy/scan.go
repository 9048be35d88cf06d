package proxy

import "bytes"

// message holds the members of one JSON-RPC message that matter. Its bytes
// belong to the scanner and are valid until it goes on.
type message struct {
	id       []byte // raw: 1 and "1" are two ids
	method   []byte // raw
	name     []byte // params.name, raw: the tool of a call
	canceled []byte // params.requestId, raw
	trace    []byte // params._meta.traceparent, raw
	isError  []byte // result.isError, raw
	code     []byte // error.code, raw
	server   []byte // result.serverInfo.name, in result._meta since revision 2026-07-28, raw
	result   bool
	fault    bool // it has an error
}

func (m *message) reset() {
	*m = message{id: m.id[:0], method: m.method[:0], name: m.name[:0], canceled: m.canceled[:0],
		trace: m.trace[:0], isError: m.isError[:0], code: m.code[:0], server: m.server[:0]}
}

// Bytes of a value and of a key that the scanner keeps.
const (
	maxValue = 1 << 10
	maxKey   = 40
)

// node is an object or array whose members the scanner reads; it skips others.
type node uint8

const (
	nowhere node = iota
	batch
	whole // the message itself
	params
	meta
	result
	resultMeta
	serverInfo
	fault
)

// scanner finds the members of JSON-RPC messages that matter while the messages
// pass in pieces of any size. It keeps nothing else, tolerates bytes that are
// not JSON, and calls emit at the end of each message.
type scanner struct {
	emit func(*message)
	msg  message

	path  [5]node // open nodes
	known int     // number of open nodes
	depth int     // open objects and arrays

	key    []byte  // the last key in a node
	isKey  bool    // a string here would be a key
	want   *[]byte // where the current value goes, or nil
	text   bool    // in a string
	escape bool    // after a backslash in it
}

// Write scans the next piece.
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

// string scans the current string in p from i and returns where scanning goes on.
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

// escapes scans a string up to the quote at end-1, whose first backslash is at
// back: each escapes the byte after it, the last one perhaps the quote.
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

// keep adds p to the current key or value, if it is wanted.
func (s *scanner) keep(p []byte) {
	switch {
	case s.depth != s.known || s.known == 0:
	case s.want != nil:
		*s.want = append(*s.want, p[:min(len(p), maxValue-min(len(*s.want), maxValue))]...)
	case s.isKey:
		s.key = append(s.key, p[:min(len(p), maxKey-min(len(s.key), maxKey))]...)
	}
}

// colon ends a key.
func (s *scanner) colon() {
	if s.depth != s.known || s.known == 0 {
		return
	}
	s.isKey = false
	if s.want = s.wanted(); s.want != nil {
		*s.want = (*s.want)[:0] // the last of equal keys counts, as for most readers
	}
}

// wanted returns where the value of the last key goes, or nil.
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
	case serverInfo:
		if string(s.key) == `"name"` {
			return &s.msg.server
		}
	case fault:
		if string(s.key) == `"code"` {
			return &s.msg.code
		}
	case nowhere, batch, resultMeta:
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

// inner returns the node that begins with c.
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
	case at == result && string(s.key) == `"_meta"`:
		return resultMeta
	case at == result && string(s.key) == `"serverInfo"`, at == resultMeta && string(s.key) == `"io.modelcontextprotocol/serverInfo"`:
		return serverInfo
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

// mayBringCall reports whether the bytes to come may hold a tool call: the rest of an
// answer or of another request holds none.
func (s *scanner) mayBringCall() bool {
	if s.known == 0 || s.path[0] != whole {
		return true // a batch, or no message yet
	}
	named := len(s.msg.method) > 0 && s.want != &s.msg.method
	return !s.msg.result && !s.msg.fault && (!named || methodName(s.msg.method) == methodCall)
}

// end drops an unfinished message: the document that held it has ended.
func (s *scanner) end() {
	s.known, s.depth = 0, 0
	s.want, s.isKey, s.text, s.escape = nil, false, false, false
}
