package graph

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Scrub copies a snapshot and replaces all strings but names of classes, functions,
// variables and properties by their length. A name that may be data is replaced, too.
func Scrub(out io.Writer, in io.Reader) error {
	r := &reader{scanner: newScanner(in), g: &Graph{}, limit: math.MaxInt64, sums: map[Class]Sum{}}
	r.out = out
	if err := r.whole(); err != nil {
		return err
	}
	return r.flush()
}

// flush copies the bytes that were read since the last time.
func (s *scanner) flush() error {
	if s.out == nil {
		return nil
	}
	if !s.hidden {
		if _, err := s.out.Write(s.buf[s.copied:s.pos]); err != nil {
			return err
		}
	}
	s.copied = s.pos
	return nil
}

// replace passes a string and writes another one in its place: that of name for
// its beginning, or, if it is "", its length.
func (s *scanner) replace(name func(text string) string) error {
	if s.peek() != '"' {
		return s.fail("a string")
	}
	if err := s.flush(); err != nil {
		return err
	}
	begin := s.offset + int64(s.pos)
	s.hidden = true
	text, err := s.text(nil, maxName)
	if err != nil {
		return err
	}
	length := s.offset + int64(s.pos) - begin - 2
	if err := s.flush(); err != nil {
		return err
	}
	s.hidden = false
	shown := name(string(text))
	if shown == "" && length > 0 {
		shown = fmt.Sprintf("(%d bytes)", length)
	}
	quoted, err := json.Marshal(shown)
	if err != nil {
		return err
	}
	_, err = s.out.Write(quoted)
	return err
}

// scrubStrings copies the strings.
func (r *reader) scrubStrings() error {
	return r.list('[', ']', func() error {
		n := uint32(len(r.g.ends))
		r.g.ends = append(r.g.ends, 0) // only their number counts
		return r.replace(func(text string) string { return r.harmless(n, text) })
	})
}

// harmless returns a string if it is a name, or the part of it that is; "" if it may be data.
func (r *reader) harmless(n uint32, text string) string {
	_, isSymbol := symbol(text)
	switch class, rest, _ := strings.Cut(text, " / "); {
	case !r.needed.has(n):
		return ""
	case r.system.has(n):
		return report.Cut(report.RedactText(text), maxSystemName)
	case class == "system" && safe(rest) == rest, isSymbol:
		return text
	case safe(class) == class:
		return class
	}
	return ""
}
