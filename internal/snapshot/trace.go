package snapshot

import (
	"bufio"
	"bytes"
	"cmp"
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
// s.Poll as its last member. It refuses one that is longer than a Reader takes.
func (w *Writer) Write(s *Snapshot) error {
	line, err := appendLine(w.line[:0], s)
	if err != nil {
		return err
	}
	w.line = line
	if len(line) > MaxLine {
		return fmt.Errorf("the snapshot%s takes %d MiB, and a trace can hold %d MiB of one", of(s), len(line)>>20, MaxLine>>20)
	}
	_, err = w.w.Write(line)
	return err
}

func of(s *Snapshot) string {
	if s.Target() == "" {
		return ""
	}
	return " of " + s.Target()
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
// constant memory, whether or not there are ends of line between them. A line that
// is no snapshot, or is too long for one, is skipped, counted and warned of.
type Reader struct {
	// Warnings say what was skipped, and name the fields whose values could not be meant.
	Warnings []string
	// Skipped is the number of lines that could not be read, Read that of the others.
	Skipped, Read int

	name  string
	lines *bufio.Reader
	line  int
	long  []byte // what is read of the line at hand, where it did not fit into the buffer
	used  int    // bytes of long that were handed out
	open  bool   // the line at hand goes on after them
	docs  documents
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
			more, err := r.step(&first, yield)
			if err != nil {
				r.finish(err, first, yield)
			}
			if !more || err != nil {
				return
			}
		}
	}
}

// step yields what stands on the next line. It returns whether yield wants more,
// and io.EOF after the last line.
func (r *Reader) step(first *error, yield func(*Snapshot, error) bool) (more bool, err error) {
	line, err := r.next()
	for again := false; len(line) > 0; again = true {
		var s *Snapshot
		var bad error
		s, line, bad = r.parse(line, again)
		*first = cmp.Or(*first, bad)
		if s != nil && !yield(s, nil) {
			return false, nil
		}
	}
	if errors.Is(err, errLong) {
		*first = cmp.Or(*first, r.skip(r.line, err))
		err = nil
	}
	return true, err
}

// finish ends with an error where reading failed, or where no line held a snapshot.
func (r *Reader) finish(err, first error, yield func(*Snapshot, error) bool) {
	if !errors.Is(err, io.EOF) {
		yield(nil, fmt.Errorf("reading trace %s:%d: %w", r.name, r.line, err))
	} else if first != nil && r.Read == 0 {
		yield(nil, first)
	}
}

// errLong is what next returns of a line that it passed over.
var errLong = fmt.Errorf("longer than %d MiB", MaxLine>>20)

// next returns the next line with its end, or of a line that does not fit into
// the buffer some whole documents; it is valid until the call after.
func (r *Reader) next() ([]byte, error) {
	r.long = append(r.long[:0], r.long[r.used:]...)
	r.used = 0
	if !r.open {
		r.line++
		r.docs = documents{}
	}
	r.open = true
	for {
		part, err := r.lines.ReadSlice('\n')
		if r.open = errors.Is(err, bufio.ErrBufferFull); !r.open && len(r.long) == 0 {
			return part, err
		}
		before := len(r.long)
		r.long = append(r.long, part...)
		r.used = len(r.long)
		if !r.open {
			return r.long, err
		}
		if at := r.docs.last(part); at >= 0 {
			r.used = before + at
			return r.long[:r.used], nil
		}
		if len(r.long) > MaxLine {
			return nil, r.discard()
		}
	}
}

// discard reads over the rest of the line.
func (r *Reader) discard() error {
	for {
		_, err := r.lines.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			r.open = false
			if err == nil || errors.Is(err, io.EOF) {
				return errLong // the next call tells of the end
			}
			return err
		}
	}
}

// parse reads the snapshot that a line begins with, and returns what is after
// it: curl appends documents without an end of line, and after the first one, of
// which there is mostly no other, more says that they are to be expected. A line
// that only begins one is taken as the first of a document on several lines.
func (r *Reader) parse(line []byte, more bool) (s *Snapshot, rest []byte, err error) {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil, nil, nil // an empty line is neither
	}
	at := r.line
	if more {
		line, rest = cutFirst(line)
	}
	s, err = r.dec.decode(line)
	if err != nil && !more {
		if line, rest = cutFirst(line); len(rest) > 0 {
			s, err = r.dec.decode(line)
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) && r.Read+r.Skipped == 0 && len(rest) == 0 {
		if doc := r.document(line); doc != nil {
			s, err = r.dec.decode(doc)
		}
	}
	if err != nil {
		return nil, rest, r.skip(at, err)
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
		if len(line) == 0 || err != nil || line[0] == '}' {
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
