package graph

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string and appends it to dst, cut to limit bytes.
func (s *scanner) text(dst []byte, limit int) ([]byte, error) {
	if !s.accept('"') {
		return dst, s.fail("a string")
	}
	limit += len(dst)
	for s.pos < s.end || s.fill() {
		c := s.buf[s.pos]
		switch c {
		case '"':
			s.pos++
			return cutRune(dst), nil
		case '\\':
			s.pos++
			r, err := s.escape()
			if err != nil {
				return dst, err
			}
			if len(dst)+utf8.RuneLen(r) <= limit {
				dst = utf8.AppendRune(dst, r)
			} else {
				limit = len(dst)
			}
		default:
			s.pos++
			if len(dst) < limit {
				dst = append(dst, c)
			}
		}
	}
	return dst, s.fail("the end of a string")
}

// cutRune removes an incomplete character at the end.
func cutRune(text []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if last := text[len(text)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return text[:len(text)-i]
			}
			break
		}
	}
	return text
}

// escape reads the rest of an escape sequence.
func (s *scanner) escape() (rune, error) {
	c := s.next()
	switch c {
	case 'n':
		return '\n', nil
	case 't':
		return '\t', nil
	case 'r':
		return '\r', nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case '"', '\\', '/':
		return rune(c), nil
	case 'u':
		return s.unicode()
	}
	return 0, s.fail("an escape sequence")
}

// unicode reads the digits of \uXXXX, and a second half after a first.
func (s *scanner) unicode() (rune, error) {
	r, err := s.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if s.pos+1 >= s.end || s.buf[s.pos] != '\\' || s.buf[s.pos+1] != 'u' {
		return utf8.RuneError, nil // half a character, also at the end of the buffer
	}
	s.pos += 2
	second, err := s.hex()
	return utf16.DecodeRune(r, second), err
}

func (s *scanner) hex() (rune, error) {
	var digits [4]byte
	for i := range digits {
		digits[i] = s.next()
	}
	n, err := strconv.ParseUint(string(digits[:]), 16, 16)
	if err != nil {
		return 0, s.fail("four hexadecimal digits")
	}
	return rune(n), nil
}

// next returns the next byte, 0 at the end.
func (s *scanner) next() byte {
	if s.pos == s.end && !s.fill() {
		return 0
	}
	s.pos++
	return s.buf[s.pos-1]
}
