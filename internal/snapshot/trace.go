package snapshot

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Writer writes a trace, one snapshot a line. Each line is one Write, so that
// two runs can append to one file, and a run that is killed loses one line at most.
type Writer struct {
	w    io.Writer
	line []byte
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write writes s: the document as the server sent it, where there is one, with
// s.Poll as its last member.
func (w *Writer) Write(s *Snapshot) error {
	line, err := appendLine(w.line[:0], s)
	if err != nil {
		return err
	}
	w.line = line
	_, err = w.w.Write(line)
	return err
}

func appendLine(dst []byte, s *Snapshot) ([]byte, error) {
	if s.Failed() {
		return appendMember(append(dst, '{'), s.Poll, "}\n")
	}
	if len(s.Raw) == 0 {
		doc, err := json.Marshal(s)
		return append(append(dst, doc...), '\n'), err
	}
	dst, err := appendDocument(dst, s.Raw)
	if err != nil || s.Poll == nil {
		return append(dst, "}\n"...), err
	}
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return appendMember(dst, s.Poll, "}\n")
}

func appendMember(dst []byte, p *Poll, end string) ([]byte, error) {
	poll, err := json.Marshal(p)
	dst = append(append(dst, `"poll":`...), poll...)
	return append(dst, end...), err
}

// appendDocument appends the object raw on one line, without its closing brace
// and without a "poll" of its own.
func appendDocument(dst, raw []byte) ([]byte, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), lenient...)
	if _, err := dec.ReadToken(); err != nil {
		return dst, err
	}
	dst = append(dst, '{')
	for dec.PeekKind() == '"' {
		name, err := dec.ReadValue()
		if err != nil {
			return dst, err
		}
		skip := isPoll(name)
		if !skip {
			if dst[len(dst)-1] != '{' {
				dst = append(dst, ',')
			}
			dst = append(append(dst, name...), ':')
		}
		value, err := dec.ReadValue()
		if err != nil {
			return dst, err
		}
		if skip {
			continue
		}
		value = value.Clone()
		if err := value.Compact(lenient...); err != nil {
			return dst, err
		}
		dst = append(dst, value...)
	}
	return dst, nil
}

// isPoll reports whether a name is "poll", however it is written: of two equal
// names the first counts, and the server's must not stand before ours.
func isPoll(name jsontext.Value) bool {
	text, err := jsontext.AppendUnquote(nil, name)
	return err == nil && string(text) == "poll"
}

// Reader reads a trace, or a file that holds one snapshot on several lines, in
// constant memory. A line that is no snapshot is skipped, counted and warned of.
type Reader struct {
	// Warnings say what was skipped, and name the fields whose values could not be meant.
	Warnings []string
	// Skipped is the number of lines that could not be read, Read that of the others.
	Skipped, Read int

	name  string
	lines *bufio.Reader
	line  int
	long  []byte // the line at hand, where it did not fit into the buffer
	dec   careful
	free  chan *job // for AllParallel, to be used again
}

// NewReader returns a Reader of r, which errors and warnings call name.
func NewReader(r io.Reader, name string) *Reader {
	return &Reader{name: name, lines: bufio.NewReaderSize(r, 1<<18)}
}

// All yields the snapshots in the order in which they stand; each is the
// caller's to keep. It ends with an error where reading fails, and where there
// were lines but none was a snapshot.
func (r *Reader) All() iter.Seq2[*Snapshot, error] {
	return func(yield func(*Snapshot, error) bool) {
		var first error // why the first line that was skipped was
		for {
			line, err := r.next()
			for len(line) > 0 {
				var s *Snapshot
				var bad error
				s, line, bad = r.parse(line)
				switch {
				case s != nil && !yield(s, nil):
					return
				case bad != nil && first == nil:
					first = bad
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				yield(nil, fmt.Errorf("reading trace %s:%d: %w", r.name, r.line, err))
				return
			}
		}
		if first != nil && r.Read == 0 {
			yield(nil, first)
		}
	}
}

// next returns the next line without its end; it is valid until the call after.
func (r *Reader) next() ([]byte, error) {
	r.line++
	r.long = r.long[:0]
	for {
		part, err := r.lines.ReadSlice('\n')
		if err == nil && len(r.long) == 0 {
			return part, nil
		}
		r.long = append(r.long, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return r.long, err
		}
		if len(r.long) > MaxLine {
			return nil, fmt.Errorf("the line is longer than %d MiB", MaxLine>>20)
		}
	}
}

// parse reads the snapshot that a line begins with, and returns what is after
// it: curl appends documents without an end of line. A line that only begins one
// is taken as the first of a document that was written over several lines.
func (r *Reader) parse(line []byte) (s *Snapshot, rest []byte, err error) {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil, nil, nil // an empty line is neither
	}
	at := r.line
	s, err = r.dec.decode(line)
	if doc, after, ok := cutMore(line, err); ok {
		line, rest = doc, after
		s, err = r.dec.decode(line)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) && r.Read+r.Skipped == 0 {
		if doc := r.document(line); doc != nil {
			s, err = r.dec.decode(doc)
		}
	}
	if err != nil {
		err = fmt.Errorf("reading trace %s:%d: %w", r.name, at, err)
		r.Skipped++
		r.warn(err.Error() + "; line skipped")
		return nil, rest, err
	}
	r.Read++
	for _, w := range s.Warnings {
		r.warn(r.name + ": " + w)
	}
	return s, rest, nil
}

// document returns line and the lines after it, up to the one that begins with
// the closing brace, or nil where the first of them begins a document of its own: then line was torn.
func (r *Reader) document(line []byte) []byte {
	doc := bytes.Clone(line) // Peek may overwrite it
	next, err := r.lines.Peek(1)
	if err != nil || next[0] == '{' {
		return nil
	}
	for len(doc) <= MaxLine {
		line, err := r.next()
		doc = append(doc, line...)
		if err != nil || line[0] == '}' {
			return doc
		}
	}
	return doc
}

// warn keeps a warning once, and not without bound.
func (r *Reader) warn(w string) {
	if len(r.Warnings) < maxWarnings && !slices.Contains(r.Warnings, w) {
		r.Warnings = append(r.Warnings, w)
	}
}
