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
}

// fieldReader collects the fields of one object or of one list of key=value pairs.
type fieldReader struct {
	dec    jx.Decoder
	path   []byte
	values [numFields]value
	found  [numFields]field // the fields that have a value
	n      int
	style  DurationUnit             // the text format's own unit of durations, if it has one
	units  map[string]time.Duration // units given by the user, by normalized key
	maps   map[string]alias         // names given by the user
	opens  map[string]bool          // objects that have to be read for them
	keys   [maxKeys]keyMemo         // of the line before, by position
	seen   int                      // keys so far
}

// keyMemo caches the meaning of the key at one position: lines of one logger have the
// same keys in the same order, so most keys need not be looked up.
type keyMemo struct {
	raw   []byte
	above string // path of the enclosing object
	path  string
	alias alias
	known bool
	open  bool // an object of this name is read
}

// maxKeys is how many keys of a line are remembered.
const maxKeys = 64

func (f *fieldReader) reset() {
	for _, id := range f.found[:f.n] {
		f.values[id] = value{}
	}
	f.n, f.seen = 0, 0
	f.path = f.path[:0]
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
	case v.text == nil:
		f.found[f.n] = a.field
		f.n++
	case v.rank <= a.rank:
		return
	}
	if text == nil {
		text = []byte{}
	}
	*v = value{text: text, rank: a.rank, number: number, unit: a.unit, given: a.given}
}

// object reads the object at the start of line and reports whether there was one.
// A line that breaks off keeps the fields that were read until then.
func (f *fieldReader) object(line []byte) bool {
	f.reset()
	f.dec.ResetBytes(line)
	err := f.members(0)
	return err == nil || f.n > 0
}

func (f *fieldReader) members(depth int) error {
	above := len(f.path)
	return f.dec.ObjBytes(func(d *jx.Decoder, key []byte) error {
		m := f.remember(key, f.path[:above])
		f.path = append(f.path[:above], m.path[above:]...)
		err := f.member(d, depth, m)
		f.path = f.path[:above]
		return err
	})
}

// remember returns the meaning of key below the path above.
func (f *fieldReader) remember(key, above []byte) *keyMemo {
	m := &f.keys[f.seen%maxKeys]
	f.seen++
	if bytes.Equal(m.raw, key) && m.above == string(above) && m.raw != nil {
		return m
	}
	path := appendKey(bytes.Clone(above), key)
	m.raw, m.above, m.path = append(m.raw[:0], key...), string(above), string(path)
	m.alias, m.known = f.lookup(path)
	m.open = prefixes[m.path] || f.opens[m.path]
	return m
}

func (f *fieldReader) member(d *jx.Decoder, depth int, m *keyMemo) error {
	a, known := m.alias, m.known
	switch d.Next() {
	case jx.Object:
		if known && a.field == resultField {
			f.put(a, []byte("{}"), false)
		}
		if depth+1 < maxDepth && m.open {
			return f.members(depth + 1)
		}
		return d.Skip()
	case jx.String:
		if !known {
			return d.Skip()
		}
		text, err := d.StrBytes()
		if err == nil {
			f.put(a, text, false)
		}
		return err
	case jx.Number:
		if !known {
			return d.Skip()
		}
		text, err := d.Num()
		if err == nil {
			f.put(a, text, true)
		}
		return err
	case jx.Bool:
		truth, err := d.Bool()
		if known && err == nil && truth && a.field == isErrorField {
			f.put(a, []byte("true"), false)
		}
		return err
	}
	if known && a.field == resultField {
		f.put(a, []byte("{}"), false)
	}
	return d.Skip()
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
