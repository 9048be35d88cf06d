package snapshot

import (
	"bytes"
	"errors"

	"github.com/go-faster/jx"
)

// cursor reads JSON in memory. It reads numbers and strings in their usual form itself;
// jx validates and reads all other values.
type cursor struct {
	data []byte
	at   int
	jx   jx.Decoder
	// trace means that values are skipped without validation where flatEnd finds their end:
	// skipped parts are not passed on.
	trace bool
	depth int // of arrays and objects that are being skipped
}

// maxDepth bounds it, so that a document is not deeper than the 10,000 of encoding/json.
const maxDepth = 9_990

// errSyntax means that the data is not JSON; syntaxError finds the cause.
var errSyntax = errors.New("not JSON")

// peek skips white space and returns the byte behind it, 0 at the end.
func (c *cursor) peek() byte {
	for ; c.at < len(c.data); c.at++ {
		switch b := c.data[c.at]; b {
		case ' ', '\n', '\t', '\r':
		default:
			return b
		}
	}
	return 0
}

// accept reads b, and reports whether it was there.
func (c *cursor) accept(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.at++
	return true
}

// element reads what precedes an element of an array or object: the comma, unless it is
// the first. It returns false if closing ends the array or object instead.
func (c *cursor) element(closing byte, first bool) (bool, error) {
	switch b := c.peek(); {
	case b == closing:
		c.at++
		return false, nil
	case first:
		return true, nil
	case b == ',':
		c.at++
		c.peek()
		return true, nil
	}
	return false, errSyntax
}

// named reads the name of a member and its colon if they are "name": without white space.
func (c *cursor) named(name string) bool {
	end := c.at + len(name) + len(`"":`)
	if end > len(c.data) || c.data[c.at] != '"' || c.data[end-2] != '"' || c.data[end-1] != ':' || string(c.data[c.at+1:end-2]) != name {
		return false
	}
	c.at = end
	return true
}

// name reads the name of a member and its colon.
func (c *cursor) name() ([]byte, error) {
	if c.peek() != '"' {
		return nil, errSyntax
	}
	raw, err := c.raw()
	if err == nil && !c.accept(':') {
		err = errSyntax
	}
	return raw, err
}

// raw reads any value. It is not empty.
func (c *cursor) raw() ([]byte, error) {
	c.peek()
	start := c.at
	err := c.skip()
	return c.data[start:c.at], err
}

// skip reads over any value.
func (c *cursor) skip() error {
	opening := c.peek()
	rest := c.data[c.at:]
	switch n := plainEnd(rest); {
	case n > 0:
		c.at += n
		return nil
	case opening != '{' && opening != '[':
		c.jx.ResetBytes(rest)
		raw, err := c.jx.Raw()
		c.at += len(raw)
		return err
	}
	if n := flatEnd(rest); c.trace && n > 0 {
		c.at += n
		return nil
	}
	return c.skipElements(opening)
}

// skipElements reads over an array or object.
func (c *cursor) skipElements(opening byte) error {
	if c.depth++; c.depth > maxDepth {
		return errSyntax
	}
	c.at++
	for first := true; ; first = false {
		more, err := c.element(opening+2, first) // in ASCII, ] follows [ by two, and } {
		if more && opening == '{' {
			_, err = c.name()
		}
		if !more || err != nil {
			c.depth--
			return err
		}
		if err := c.skip(); err != nil {
			return err
		}
	}
}

// plainEnd returns the length of the string or number that data begins with, 0 for a string
// with escapes, a number with a sign or an exponent, and other values.
func plainEnd(data []byte) int {
	if len(data) == 0 || data[0] != '"' {
		return decimalEnd(data)
	}
	for i, c := range data[1:] {
		switch {
		case c == '"':
			return i + 2
		case c == '\\' || c < ' ':
			return 0
		}
	}
	return 0
}

func decimalEnd(data []byte) int {
	whole := digits(data)
	n := whole
	if n < len(data) && data[n] == '.' {
		n += 1 + digits(data[n+1:])
	}
	if whole == 0 || whole > 1 && data[0] == '0' || data[n-1] == '.' || n == len(data) || data[n]|0x20 == 'e' {
		return 0
	}
	return n
}

// digits returns how many digits data begins with.
func digits(data []byte) int {
	for i, c := range data {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(data)
}

// flatEnd returns the length of the array or object that text begins with, if that has no
// other of its kind inside and no escapes; else 0. It is found by brackets and quotes.
func flatEnd(text []byte) int {
	if len(text) == 0 || text[0] != '[' && text[0] != '{' {
		return 0
	}
	flat := text[:bytes.IndexByte(text, text[0]+2)+1]
	count := func(c byte) int { return bytes.Count(flat, []byte{c}) }
	switch {
	case count(text[0]) != 1, count('"')%2 != 0, count('\\') > 0, count('[') != count(']'), count('{') != count('}'):
		return 0
	}
	return len(flat)
}
