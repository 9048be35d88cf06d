package logline

import (
	"bytes"
	"time"

	"github.com/go-faster/jx"
)

// maxDepth is how deep objects are read for fields; deeper ones are skipped.
const maxDepth = 3

// value is the value of a field as it stands in the line.
type value struct {
	text   []byte
	rank   uint8
	number bool
	unit   time.Duration
	given  bool // the unit is the user's
	quoted bool // in key=value pairs
}

// fieldReader collects the fields of one object or of one list of key=value pairs.
type fieldReader struct {
	line   []byte     // of the object
	at     int        // in line
	dec    jx.Decoder // of strings with escapes
	path   []byte
	bare   int // length of path up to the end of the innermost container
	values [numFields]value
	found  [numFields]field // the fields that have a value
	n      int
	style  DurationUnit             // the text format's own unit of durations, if it has one
	units  map[string]time.Duration // units given by the user, by normalized key
	maps   map[string]alias         // names given by the user
	opens  map[string]bool          // objects that have to be read for them
	keys   [maxKeys]keyMemo         // of the line before, by position
	seen   int                      // keys so far, of all layers of the line
	plain  []byte                   // texts without their escapes, of several lines
}

// keyMemo caches the meaning of the key at one position: lines of one logger have the
// same keys in the same order, so most keys need not be looked up.
type keyMemo struct {
	raw   []byte // the key with its quotes and the colon
	above string // path of the enclosing object
	path  string
	alias alias
	known bool
	open  bool // an object of this name is read
	bare  int  // length of path up to the end of the innermost container
}

// maxKeys is how many keys of a line are remembered.
const maxKeys = 64

func (f *fieldReader) reset() {
	for _, id := range f.found[:f.n] {
		f.values[id] = value{}
	}
	f.n = 0
	f.path, f.bare = f.path[:0], 0
	f.style = NoDuration
}

func (f *fieldReader) has(id field) bool    { return f.values[id].text != nil }
func (f *fieldReader) text(id field) []byte { return f.values[id].text }

// lookup returns the field of a normalized key.
func (f *fieldReader) lookup(key []byte) (alias, bool) {
	a, ok := f.maps[string(key)]
	if !ok {
		a, ok = aliases[string(key)]
	}
	if unit := f.units[string(key)]; unit != 0 {
		a, ok = alias{field: durationField, unit: unit, given: true}, true
	}
	return a, ok
}

// put keeps a value if no better name of its field has one.
func (f *fieldReader) put(a alias, text []byte, number bool) {
	v := &f.values[a.field]
	switch {
	case number && a.text:
		return
	case v.text == nil:
		f.found[f.n] = a.field
		f.n++
	case v.rank <= a.rank:
		return
	}
	if text == nil {
		text = []byte{}
	}
	v.text, v.rank, v.number, v.unit, v.given = text, a.rank, number, a.unit, a.given
}

// object reads the object at the start of line and reports whether there was one.
// A line that breaks off keeps the fields that were read until then. It checks no more
// of the syntax than it needs to find the members.
func (f *fieldReader) object(line []byte) bool {
	f.reset()
	f.line, f.at = line, 0
	if f.blanks() != '{' {
		return false
	}
	f.at++
	return f.members(0) || f.n > 0
}

// blanks skips white space and returns the byte behind it, 0 at the end.
func (f *fieldReader) blanks() byte {
	for ; f.at < len(f.line); f.at++ {
		if c := f.line[f.at]; c > ' ' {
			return c
		}
	}
	return 0
}

// members reads the members of an object behind its brace and reports whether it ends.
func (f *fieldReader) members(depth int) bool {
	for {
		switch f.blanks() {
		case '}':
			f.at++
			return true
		case ',':
			f.at++
			continue
		case '"':
		default:
			return false
		}
		m, ok := f.key()
		if !ok {
			return false
		}
		if !f.member(depth, m) {
			return false
		}
	}
}

// key reads a key and its colon and returns its meaning below the path.
func (f *fieldReader) key() (*keyMemo, bool) {
	m := &f.keys[f.seen%maxKeys]
	f.seen++
	if len(m.raw) > 0 && bytes.HasPrefix(f.line[f.at:], m.raw) && m.above == string(f.path) {
		f.at += len(m.raw)
		return m, true
	}
	start := f.at
	key, ok := f.quoted()
	if !ok || f.blanks() != ':' {
		return nil, false
	}
	f.at++
	path := appendKey(bytes.Clone(f.path), key)
	m.raw, m.above, m.path = append(m.raw[:0], f.line[start:f.at]...), string(f.path), string(path)
	m.alias, m.known = f.lookup(path)
	m.open, m.bare = prefixes[m.path] || f.opens[m.path], f.bare
	if f.bare > 0 && !m.known {
		if m.alias, m.known = f.lookup(path[f.bare:]); m.known {
			m.alias.rank += inContainer
		}
		m.open = m.open || prefixes[m.path[f.bare:]]
	}
	if containers[m.path[f.bare:]] {
		m.open, m.bare = true, len(m.path)
	}
	return m, true
}

// member reads the value of a member and keeps it if its key has a meaning.
func (f *fieldReader) member(depth int, m *keyMemo) bool {
	switch c := f.blanks(); c {
	case '{':
		f.putResult(m)
		if f.at++; depth+1 >= maxDepth || !m.open {
			return f.skipRest()
		}
		above, bare := len(f.path), f.bare
		f.path, f.bare = append(f.path[:0], m.path...), m.bare
		ended := f.members(depth + 1)
		f.path, f.bare = f.path[:above], bare
		return ended
	case '[':
		f.at++
		f.putResult(m)
		return f.array(depth, m)
	case '"':
		if !m.known {
			return f.skipQuoted()
		}
		text, ok := f.quoted()
		if ok {
			f.put(m.alias, text, false)
		}
		return ok
	default:
		return f.literal(m)
	}
}

// array reads the attributes of OpenTelemetry, which are a list of keys and values, and the
// first text of a list under a known key, such as a header's. It skips the rest.
func (f *fieldReader) array(depth int, m *keyMemo) bool {
	switch c := f.blanks(); {
	case c == '{' && m.open && depth+1 < maxDepth && m.bare == len(m.path):
		above, bare := len(f.path), f.bare
		f.path, f.bare = append(f.path[:0], m.path...), m.bare
		ended := f.attributes()
		f.path, f.bare = f.path[:above], bare
		return ended
	case c == '"' && m.known:
		text, ok := f.quoted()
		if !ok {
			return false
		}
		f.put(m.alias, text, false)
	case isDigit(c) && m.known && m.alias.field == messageField:
		f.put(m.alias, f.byteArray(), false)
	}
	return f.skipRest()
}

// byteArray reads the bytes of a message that is no plain text, such as one with colours, as
// journald writes it: [27,91,51,…]. The closing bracket stays.
func (f *fieldReader) byteArray() []byte {
	text := make([]byte, 0, len(f.line)/4)
	for {
		switch c := f.blanks(); {
		case isDigit(c):
			start := f.at
			for f.at < len(f.line) && isDigit(f.line[f.at]) {
				f.at++
			}
			text = append(text, byte(integer(f.line[start:f.at])))
		case c == ',':
			f.at++
		default:
			return stripEscapes(text)
		}
	}
}

// attributes reads [{"key":"tool.name","value":{"stringValue":"search"}}, …] behind the bracket.
func (f *fieldReader) attributes() bool {
	for {
		switch f.blanks() {
		case ']':
			f.at++
			return true
		case ',':
			f.at++
		case '{':
			start := f.at
			if f.at++; !f.skipRest() {
				return false
			}
			f.attribute(f.line[start:f.at])
		default:
			return f.skipRest()
		}
	}
}

// attribute keeps the value of one such object if its key has a meaning.
func (f *fieldReader) attribute(object []byte) {
	_, rest, found := bytes.Cut(object, []byte(`"key"`))
	_, rest, quoted := bytes.Cut(rest, []byte(`"`))
	key, rest, ended := bytes.Cut(rest, []byte(`"`))
	_, rest, valued := bytes.Cut(rest, []byte(`Value"`))
	if !found || !quoted || !ended || !valued {
		return
	}
	a, known := f.lookup(appendKey(bytes.Clone(f.path), key))
	if !known {
		if a, known = f.lookup(appendKey(nil, key)); !known {
			return
		}
		a.rank += inContainer
	}
	rest = bytes.TrimLeft(rest, " :")
	v := fieldReader{line: rest}
	if len(rest) > 0 && rest[0] == '"' {
		if text, ok := v.quoted(); ok {
			f.put(a, text, isNumber(text))
		}
		return
	}
	if end := bytes.IndexAny(rest, " ,}"); end > 0 {
		f.put(a, rest[:end], isNumber(rest[:end]))
	}
}

// putResult notes that a JSON-RPC message has a result, of whatever type.
func (f *fieldReader) putResult(m *keyMemo) {
	if m.known && m.alias.field == resultField {
		f.put(m.alias, []byte("{}"), false)
	}
}

// literal reads a number, true, false or null.
func (f *fieldReader) literal(m *keyMemo) bool {
	start := f.at
	for f.at < len(f.line) && isLiteralByte(f.line[f.at]) {
		f.at++
	}
	text := f.line[start:f.at]
	switch {
	case len(text) == 0:
		return false
	case !m.known:
	case text[0] == '-' || isDigit(text[0]):
		f.put(m.alias, text, true)
	case m.alias.field == isErrorField && string(text) == "true":
		f.put(m.alias, text, false)
	default:
		f.putResult(m)
	}
	return true
}

func isLiteralByte(c byte) bool {
	return isDigit(c) || isLower(c) || c == '.' || c == '-' || c == '+' || c == 'E'
}

// skipRest skips the rest of an object or array behind its bracket.
func (f *fieldReader) skipRest() bool {
	for depth := 1; depth > 0; {
		next := bytes.IndexAny(f.line[f.at:], `"{}[]`)
		if next < 0 {
			f.at = len(f.line)
			return false
		}
		switch f.at += next; f.line[f.at] {
		case '"':
			if !f.skipQuoted() {
				return false
			}
			continue
		case '{', '[':
			depth++
		default:
			depth--
		}
		f.at++
	}
	return true
}

// integer reads a decimal number; 0 if it is none or has more than 18 digits.
func integer(text []byte) int64 {
	digits := bytes.TrimPrefix(text, []byte("-"))
	if len(digits) == 0 || len(digits) > 18 {
		return 0
	}
	n := int64(0)
	for _, c := range digits {
		if !isDigit(c) {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(text) {
		n = -n
	}
	return n
}

func isDigits(text []byte) bool {
	for _, c := range text {
		if !isDigit(c) {
			return false
		}
	}
	return len(text) > 0
}
