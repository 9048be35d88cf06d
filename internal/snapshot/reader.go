package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// Reader reads a trace, or a file that holds one snapshot on several lines, in
// constant memory. Documents may follow each other without a newline, as curl appends
// them. A line that is not a snapshot, or is too long, is skipped, counted and warned of.
// What is read is validated. In members that are not read, an array or object without
// another of its kind and without escapes needs only even quotes and balanced brackets.
type Reader struct {
	// Warnings name skipped lines, and members with implausible values.
	Warnings []string
	// Skipped is the number of documents that could not be read, Read that of the others.
	Skipped, Read int

	name  string
	in    lineReader
	dec   *decoder
	first error // about the first line that was skipped
}

// NewReader returns a Reader of r. Errors and warnings refer to it by name.
func NewReader(r io.Reader, name string) *Reader {
	dec := newDecoder(manyStrings)
	dec.trace = true
	return &Reader{name: name, in: lineReader{src: r, line: 1}, dec: dec}
}

// All yields the snapshots in order. The caller may keep them, but for the
// ToolCallStack, which the next one reuses: that saves a fifth of the CPU. It ends with an error
// if reading fails, and if there were lines but no snapshot.
func (r *Reader) All() iter.Seq2[*Snapshot, error] {
	return func(yield func(*Snapshot, error) bool) {
		for {
			s, err := r.next()
			switch {
			case errors.Is(err, io.EOF):
				if r.first != nil && r.Read == 0 {
					yield(nil, r.first)
				}
				return
			case err != nil:
				yield(nil, fmt.Errorf("reading trace %s:%d: %w", r.name, r.in.line, err))
				return
			case s != nil && !yield(s, nil):
				return
			}
		}
	}
}

// next reads the next document. It returns nil if that was skipped.
func (r *Reader) next() (*Snapshot, error) {
	part, whole, err := r.in.peek()
	if err != nil {
		return nil, err
	}
	if whole {
		return r.readLine(part), nil
	}
	doc := trimStart(part)
	if end := objectEnd(doc); end > 0 {
		s, _, err := r.dec.decode(doc[:end])
		s = r.count(s, err)
		r.in.advance(len(part) - len(doc) + end)
		return s, nil
	}
	if !r.in.grow() {
		r.skip(fmt.Errorf("longer than %d MiB", MaxLine>>20))
		r.in.discard()
	}
	return nil, nil
}

// readLine reads the document that the rest of a line begins with, nil for none. A
// document on several lines is read if the file begins with it.
func (r *Reader) readLine(line []byte) *Snapshot {
	text := trimStart(line)
	if len(text) == 0 {
		r.in.discard()
		return nil
	}
	s, more, err := r.dec.decode(bytes.TrimRight(text, space))
	if errors.Is(err, io.ErrUnexpectedEOF) && r.Read+r.Skipped == 0 && r.in.joinDocument() {
		line = r.in.current()
		text = trimStart(line)
		s, more, err = r.dec.decode(bytes.TrimRight(text, space))
	}
	end := 0
	if more || err != nil {
		end = nextDocument(text)
	}
	if more && err == nil && end == 0 {
		err = errors.New("unexpected data after the document")
	}
	s = r.count(s, err)
	if end > 0 {
		r.in.advance(len(line) - len(text) + end)
	} else {
		r.in.discard()
	}
	return s
}

// count counts a document that was read, or skipped for err.
func (r *Reader) count(s *Snapshot, err error) *Snapshot {
	if err != nil {
		r.skip(err)
		return nil
	}
	r.Read++
	for _, w := range s.Warnings {
		r.warn(r.name + ": " + w)
	}
	return s
}

func (r *Reader) skip(err error) {
	err = fmt.Errorf("reading trace %s:%d: %w", r.name, r.in.line, err)
	if r.first == nil {
		r.first = err
	}
	r.Skipped++
	r.warn(err.Error() + "; skipped")
}

// warn adds a warning once, up to a limit.
func (r *Reader) warn(w string) {
	if len(r.Warnings) < maxWarnings && !slices.Contains(r.Warnings, w) {
		r.Warnings = append(r.Warnings, w)
	}
}

// nextDocument returns where a second document begins in text, 0 if it has no other.
func nextDocument(text []byte) int {
	end := objectEnd(text)
	if end > 0 && bytes.HasPrefix(trimStart(text[end:]), []byte("{")) {
		return end
	}
	return 0
}

// objectEnd returns the length of the object that text begins with, by its braces; 0 if
// it does not end, or text begins otherwise.
func objectEnd(text []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth <= 0 {
			if text[0] != '{' {
				return 0
			}
			return i + 1
		}
	}
	return 0
}
