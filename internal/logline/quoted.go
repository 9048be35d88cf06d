package logline

import "bytes"

// skipQuoted skips a string and reports whether it ends.
func (f *fieldReader) skipQuoted() bool {
	for f.at++; ; f.at++ {
		end := bytes.IndexByte(f.line[f.at:], '"')
		if end < 0 {
			f.at = len(f.line)
			return false
		}
		escapes := 0
		for i := f.at + end - 1; i >= f.at && f.line[i] == '\\'; i-- {
			escapes++
		}
		if f.at += end; escapes%2 == 0 {
			f.at++
			return true
		}
	}
}

// quoted reads a string.
func (f *fieldReader) quoted() ([]byte, bool) {
	rest := f.line[f.at+1:]
	end := bytes.IndexByte(rest, '"')
	if end >= 0 && bytes.IndexByte(rest[:end], '\\') < 0 {
		f.at += end + 2
		return rest[:end], true
	}
	return f.unescaped()
}

// plainSize is how much room for texts is made at a time.
const plainSize = 64 << 10

// unescaped reads a string with escapes.
func (f *fieldReader) unescaped() ([]byte, bool) {
	rest := f.line[f.at+1:]
	if cap(f.plain)-len(f.plain) < len(rest) {
		f.plain = make([]byte, 0, max(plainSize, len(rest)))
	}
	begin, text := len(f.plain), f.plain
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch c {
		case '"':
			f.plain = text
			f.at += i + 2
			return text[begin:len(text):len(text)], true
		case '\\':
			if i++; i == len(rest) {
				return nil, false
			}
			if c = escapes[rest[i]]; c == 0 {
				return f.withUnicode()
			}
		}
		text = append(text, c)
	}
	f.at = len(f.line)
	return nil, false
}

// escapes are the characters behind a backslash, except those of Unicode.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// withUnicode reads a string with escapes of any kind.
func (f *fieldReader) withUnicode() ([]byte, bool) {
	start := f.at
	if !f.skipQuoted() {
		return nil, false
	}
	f.dec.ResetBytes(f.line[start:f.at])
	text, err := f.dec.StrBytes()
	if bytes.IndexByte(text, 0x1b) >= 0 { // colours
		text = stripEscapes(text)
	}
	return text, err == nil
}
