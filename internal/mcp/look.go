package mcp

import "bytes"

// glance is what the verdict on a call needs of a message: raw values, found
// without reading what is within the others.
type glance struct {
	id, method, result, err []byte
	isError, resultType     []byte // of the result
}

// plain reports whether the message is an answer and says success.
func (g *glance) plain() bool {
	return len(g.result) > 0 && g.err == nil && g.method == nil &&
		(g.isError == nil || string(g.isError) == "false") &&
		(g.resultType == nil || string(g.resultType) == `"complete"`)
}

// look takes a glance at a message. It gives up, for the full parser to decide,
// on whatever is not plain: names with escapes, names that come twice, a rest
// after the message, values that do not end.
func look(data []byte) (g glance, ok bool) {
	s := skipper{data: data}
	ok = s.members(func(name, value []byte) bool {
		switch string(name) {
		case "id":
			return set(&g.id, value)
		case "method":
			return set(&g.method, value)
		case "error":
			return set(&g.err, value)
		case "result":
			return set(&g.result, value) && value[0] == '{'
		}
		return true
	})
	if s.space(); !ok || s.i != len(data) {
		return g, false
	}
	if g.result == nil {
		return g, true
	}
	inner := skipper{data: g.result}
	return g, inner.members(func(name, value []byte) bool {
		switch string(name) {
		case "isError":
			return set(&g.isError, value)
		case "resultType":
			return set(&g.resultType, value)
		}
		return true
	})
}

func set(field *[]byte, value []byte) bool {
	first := *field == nil
	*field = value
	return first
}

// skipper goes over JSON without checking what is within values.
type skipper struct {
	data []byte
	i    int
}

func (s *skipper) space() {
	for s.i < len(s.data) && (s.data[s.i] == ' ' || s.data[s.i] == '\n' || s.data[s.i] == '\r' || s.data[s.i] == '\t') {
		s.i++
	}
}

// take skips space and then c, if it is there.
func (s *skipper) take(c byte) bool {
	s.space()
	if s.i >= len(s.data) || s.data[s.i] != c {
		return false
	}
	s.i++
	return true
}

// members goes over the members of an object, up to its end, as long as yield
// returns true. It is false where yield was, or where the object is not plain.
func (s *skipper) members(yield func(name, value []byte) bool) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		s.space()
		name, ok := s.text()
		if !ok || bytes.IndexByte(name, '\\') >= 0 || !s.take(':') {
			return false
		}
		s.space()
		value, ok := s.value()
		if !ok || !yield(name[1:len(name)-1], value) {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// text skips a string and returns it with its quotes.
func (s *skipper) text() ([]byte, bool) {
	start := s.i
	if s.i >= len(s.data) || s.data[s.i] != '"' {
		return nil, false
	}
	for s.i++; ; s.i++ {
		n := bytes.IndexByte(s.data[s.i:], '"')
		if n < 0 {
			return nil, false
		}
		s.i += n
		escapes := s.i
		for s.data[escapes-1] == '\\' {
			escapes--
		}
		if (s.i-escapes)%2 == 0 {
			s.i++
			return s.data[start:s.i], true
		}
	}
}

// value skips a value.
func (s *skipper) value() ([]byte, bool) {
	start := s.i
	if s.i >= len(s.data) {
		return nil, false
	}
	switch s.data[s.i] {
	case '"':
		return s.text()
	case '{', '[':
		ok := s.nested()
		return s.data[start:s.i], ok
	}
	for s.i < len(s.data) && bytes.IndexByte([]byte(",}] \n\r\t"), s.data[s.i]) < 0 {
		s.i++
	}
	return s.data[start:s.i], s.i > start
}

// nested skips an object or array, whatever is in it.
func (s *skipper) nested() bool {
	depth := 0
	for s.i < len(s.data) {
		switch s.data[s.i] {
		case '"':
			if _, ok := s.text(); !ok {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.i++
		if depth == 0 {
			return true
		}
	}
	return false
}
