package graph

import (
	"errors"
	"fmt"
	"io"
)

// scanner reads JSON while it streams. It holds a buffer and nothing else, whatever
// the length of the input is.
type scanner struct {
	in       io.Reader
	buf      []byte
	pos, end int
	offset   int64 // of the buffer in the input
	err      error // of in

	out    io.Writer // receives the data as it is read, or nil
	copied int       // bytes of buf that out has
	hidden bool      // out receives nothing
	blank  bool      // skip replaces strings in out
}

func newScanner(in io.Reader) *scanner { return &scanner{in: in, buf: make([]byte, 1<<16)} }

// fill reads more of the input. It reports false at the end.
func (s *scanner) fill() bool {
	if err := s.flush(); err != nil {
		s.err = err
		return false
	}
	s.offset += int64(s.end)
	s.pos, s.end, s.copied = 0, 0, 0
	for empty := 0; s.end == 0 && s.err == nil; empty++ {
		s.end, s.err = s.in.Read(s.buf)
		if empty > 100 {
			s.err = io.ErrNoProgress
		}
	}
	return s.end > 0
}

// peek returns the next byte that is not a space, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < s.end || s.fill() {
		switch c := s.buf[s.pos]; c {
		case ' ', '\n', '\r', '\t':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// fail returns an error at the current place.
func (s *scanner) fail(want string) error {
	at := s.offset + int64(s.pos)
	switch {
	case s.pos < s.end:
		return fmt.Errorf("byte %d: %q where %s is expected", at, s.buf[s.pos], want)
	case s.err != nil && !errors.Is(s.err, io.EOF):
		return s.err
	}
	return fmt.Errorf("it ends at byte %d where %s is expected: was it written completely?", at, want)
}

// accept passes c if it is next.
func (s *scanner) accept(c byte) bool {
	if s.pos < s.end && s.buf[s.pos] == c {
		s.pos++
		return true
	}
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// list calls item for each element between open and closing.
func (s *scanner) list(open, closing byte, item func() error) error {
	if !s.accept(open) {
		return s.fail(fmt.Sprintf("%q", open))
	}
	if s.accept(closing) {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if s.accept(closing) {
			return nil
		}
		if !s.accept(',') {
			return s.fail(fmt.Sprintf("a comma or %q", closing))
		}
	}
}

// object calls member for each member; member passes the value.
func (s *scanner) object(member func(name string) error) error {
	return s.list('{', '}', func() error {
		name, err := s.text(nil, maxName)
		if err != nil {
			return err
		}
		if !s.accept(':') {
			return s.fail("a colon")
		}
		return member(string(name))
	})
}

// records reads an array of whole numbers in records of width numbers.
func (s *scanner) records(width int, add func(record []uint64) error) error {
	if !s.accept('[') {
		return s.fail(`'['`)
	}
	if s.accept(']') {
		return nil
	}
	record := make([]uint64, width)
	for {
		for i := range record {
			n, err := s.number()
			if err != nil {
				return err
			}
			record[i] = n
			if i < width-1 && !s.accept(',') {
				return s.fail(fmt.Sprintf("a comma: a record has %d numbers, and here ends one of %d", width, i+1))
			}
		}
		if err := add(record); err != nil {
			return err
		}
		if !s.accept(',') {
			break
		}
	}
	if !s.accept(']') {
		return s.fail(`a comma or ']'`)
	}
	return nil
}

// number reads a whole number of at most 2^53.
func (s *scanner) number() (uint64, error) {
	if c := s.peek(); c < '0' || c > '9' {
		return 0, s.fail("a whole number of 0 or more")
	}
	n := uint64(0)
	for s.pos < s.end || s.fill() {
		rest := s.buf[s.pos:s.end]
		for i, c := range rest {
			if c >= '0' && c <= '9' && n <= 1<<53 {
				n = n*10 + uint64(c-'0')
				continue
			}
			s.pos += i
			if c >= '0' && c <= '9' || n > 1<<53 || c == '.' || c == 'e' || c == 'E' {
				return 0, s.fail("a whole number of at most 2^53")
			}
			return n, nil
		}
		s.pos = s.end
	}
	return 0, s.fail("the end of a number")
}

// skip passes a value of any kind. It does not check the syntax within.
func (s *scanner) skip() error {
	for depth := 0; ; {
		switch c := s.peek(); c {
		case 0:
			return s.fail("a value")
		case '{', '[':
			depth++
			s.pos++
		case '}', ']':
			depth--
			s.pos++
		case ',', ':':
			if depth == 0 {
				return s.fail("a value")
			}
			s.pos++
			continue
		case '"':
			if err := s.skipText(); err != nil {
				return err
			}
		default:
			s.literal()
		}
		if depth <= 0 {
			return nil
		}
	}
}

func (s *scanner) skipText() error {
	if s.blank {
		return s.replace(func(string) string { return "" })
	}
	_, err := s.text(nil, 0)
	return err
}

// literal passes a number, true, false or null.
func (s *scanner) literal() {
	for s.pos < s.end || s.fill() {
		switch s.buf[s.pos] {
		case ',', ']', '}', ' ', '\n', '\r', '\t', '"', ':', '[', '{':
			return
		}
		s.pos++
	}
}
