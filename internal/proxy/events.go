package proxy

import "bytes"

// events takes server-sent events apart while they pass by in pieces of any
// size, and hands their data to a scanner. It keeps only the data of an event
// that cannot be a message: the endpoint of HTTP+SSE.
type events struct {
	scan     *scanner
	endpoint func(uri []byte)
	numbered bool // an event had an id: the stream can be resumed

	field []byte // the name of the field at hand
	value bool   // its value has begun
	space bool   // a space before it is not part of it
	cr    bool   // after a carriage return
	some  bool   // the event has had data
	uri   []byte
}

// Write takes the next piece.
func (e *events) Write(p []byte) {
	for len(p) > 0 {
		if e.cr && p[0] == '\n' {
			p = p[1:]
		}
		e.cr = false
		n := lineEnd(p)
		if n < 0 {
			e.line(p)
			return
		}
		e.line(p[:n])
		e.endLine()
		e.cr = p[n] == '\r'
		p = p[n+1:]
	}
}

// lineEnd is where the first line of p ends, or -1.
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

// line takes a part of a line.
func (e *events) line(p []byte) {
	if !e.value {
		name, rest, ok := bytes.Cut(p, []byte(":"))
		e.field = append(e.field, name[:min(len(name), maxKey-min(len(e.field), maxKey))]...)
		if !ok {
			return
		}
		e.value, e.space, p = true, true, rest
	}
	if e.space && len(p) > 0 {
		e.space = false
		p = bytes.TrimPrefix(p, []byte(" "))
	}
	if len(p) == 0 || string(e.field) != "data" {
		return
	}
	if !e.some {
		e.some = true
		e.uri = e.uri[:0]
	}
	e.scan.Write(p)
	if len(e.uri) < maxValue {
		e.uri = append(e.uri, p[:min(len(p), maxValue-len(e.uri))]...)
	}
}

// endLine ends a line; an empty one ends the event.
func (e *events) endLine() {
	switch {
	case len(e.field) == 0 && !e.value:
		if e.some && e.uri[0] != '{' && e.uri[0] != '[' && e.endpoint != nil {
			e.endpoint(e.uri)
		}
		e.some = false
		e.scan.end()
	case string(e.field) == "id":
		e.numbered = true
	}
	e.field, e.value = e.field[:0], false
}
