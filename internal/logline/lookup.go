package logline

import (
	"bytes"

	"github.com/go-faster/jx"
)

// ValueKind is the type of a value that Lookup found.
type ValueKind uint8

// Types of values.
const (
	NoValue ValueKind = iota
	Text
	Number
	Bool
)

// Lookup returns the value of a key of the program's own line, as written: a key of a JSON
// object, with dots between nested ones and in names that contain them, or a key of
// key=value pairs. An object or array is returned as text.
func Lookup(r *Record, key string) ([]byte, ValueKind) {
	object := r.Inner
	if len(object) == 0 || object[0] != '{' {
		if object = finalObject(r.Inner); object == nil {
			return lookupPair(r.Inner, key)
		}
	}
	return lookupJSON(jx.DecodeBytes(object), key)
}

// lookupJSON returns the first value whose names, joined with dots, are path.
func lookupJSON(d *jx.Decoder, path string) (text []byte, kind ValueKind) {
	_ = d.ObjBytes(func(d *jx.Decoder, name []byte) error { // a line that breaks off has the keys before
		rest, below := bytes.CutPrefix([]byte(path), name)
		switch {
		case kind != NoValue || !below || len(rest) > 0 && rest[0] != '.':
			return d.Skip()
		case len(rest) == 0:
			raw, err := d.Raw()
			text, kind = valueOf(raw)
			return err
		case d.Next() == jx.Object:
			raw, err := d.Raw()
			text, kind = lookupJSON(jx.DecodeBytes(raw), string(rest[1:]))
			return err
		}
		return d.Skip()
	})
	return text, kind
}

func valueOf(raw []byte) ([]byte, ValueKind) {
	if len(raw) == 0 {
		return nil, NoValue
	}
	switch c := raw[0]; {
	case c == 'n':
		return nil, NoValue
	case c == 't' || c == 'f':
		return raw, Bool
	case c == '"':
		text, err := jx.DecodeBytes(raw).StrBytes()
		if err != nil {
			return nil, NoValue
		}
		return text, Text
	case c == '-' || isDigit(c):
		return raw, Number
	}
	return raw, Text
}

// lookupPair returns the value of key=value in a text.
func lookupPair(text []byte, key string) ([]byte, ValueKind) {
	for len(text) > 0 {
		at := firstPair(text)
		name, rest, ok := bytes.Cut(text[at:], []byte("="))
		if !ok {
			break
		}
		quoted := len(rest) > 0 && rest[0] == '"'
		v, after := cutValue(rest)
		if string(name) == key {
			if !quoted && isNumber(v) {
				return v, Number
			}
			return v, Text
		}
		text = bytes.TrimLeft(after, " ")
	}
	return nil, NoValue
}
