package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-faster/jx"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// maxWarnings bounds the warnings about one document.
const maxWarnings = 20

var bom = []byte("\xef\xbb\xbf")

// Decode reads one snapshot document. Absent and null members stay nil. A value that
// its member cannot have is omitted and named in Warnings; unknown members stay in
// Raw. Member names are compared exactly, and the first of two equal ones counts.
// It fails for input that is not one JSON object, and for an object without any
// member of a snapshot.
func Decode(data []byte) (*Snapshot, error) {
	text := trimStart(data)
	lead := len(data) - len(text)
	text = bytes.TrimRight(text, space)
	d := newDecoder(fewStrings)
	s, more, err := d.decode(text)
	if err != nil {
		return nil, err
	}
	if more {
		return nil, fmt.Errorf("unexpected data after the document, at byte %d", lead+objectEnd(text))
	}
	s.Raw = oneLine(text, s.Poll != nil || d.poll)
	return s, nil
}

const space = " \t\r\n"

func trimStart(data []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(bytes.TrimLeft(data, space), bom), space)
}

// oneLine returns a valid document as a Writer stores it: on one line, without a "poll".
func oneLine(doc []byte, poll bool) []byte {
	if poll {
		doc = withoutPoll(doc)
	}
	if !bytes.ContainsAny(doc, "\r\n") {
		return doc
	}
	var line bytes.Buffer
	_ = json.Compact(&line, doc) // it is valid
	return line.Bytes()
}

// withoutPoll returns doc without its members called "poll".
func withoutPoll(doc []byte) []byte {
	out := []byte{'{'}
	_ = jx.DecodeBytes(doc).ObjBytes(func(d *jx.Decoder, key []byte) error {
		value, err := d.Raw()
		if err != nil || string(key) == "poll" {
			return err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		name, err := json.Marshal(string(key))
		out = append(append(append(out, name...), ':'), value...)
		return err
	})
	return append(out, '}')
}

// decoder decodes documents. It is reused for the lines of a trace.
type decoder struct {
	cursor
	s        *Snapshot
	path     []string // names of the members that are being read
	known    int      // members of the document that a snapshot has
	poll     bool     // the document has a member called "poll"
	calls    []Call   // of the previous document, reused
	seen     seenCalls
	document uint32 // its number
	recent   recentStrings
	members  []member[Snapshot]
	amounts  slab[float64]
	counts   slab[int64]
	times    slab[Time]
}

func newDecoder(strings int) *decoder {
	return &decoder{members: documentMembers(), recent: make(recentStrings, strings)}
}

// decode reads the document at the start of data, and reports whether more follows it.
func (d *decoder) decode(data []byte) (s *Snapshot, more bool, err error) {
	switch {
	case len(data) == 0:
		return nil, false, errors.New("the document is empty")
	case data[0] == '<':
		return nil, false, errors.New("this is HTML, not JSON: a login page or an error page?")
	}
	d.s, d.known, d.poll, d.path = &Snapshot{}, 0, false, d.path[:0]
	d.data, d.at, d.depth = data, 0, 0
	if data[0] != '{' {
		if _, err := d.raw(); err != nil {
			return nil, false, notJSON(data)
		}
		return nil, false, errors.New("a snapshot is a JSON object, and this is not one")
	}
	if err := readObject(d, d.members, d.s); err != nil {
		return nil, false, syntaxError(data)
	}
	d.peek()
	more = d.at < len(data)
	if d.known == 0 {
		return nil, more, errors.New("this JSON has no field of a snapshot (see mcpdiag schema)")
	}
	d.check()
	return d.s, more, nil
}

// documentMembers returns the members of the document with the readers of Fields.
func documentMembers() []member[Snapshot] {
	var members []member[Snapshot]
	for _, f := range Fields {
		if f.read != nil {
			members = append(members, member[Snapshot]{f.Name, func(d *decoder, s *Snapshot) error {
				d.known++
				d.poll = d.poll || f.Name == "poll"
				return f.read(d, s)
			}})
		}
	}
	return members
}

// ErrNotJSON is the error of a document that is not JSON at all.
var ErrNotJSON = errors.New("not JSON")

// notJSON is the error of a document that does not begin with an object.
func notJSON(data []byte) error {
	if data[0] == '[' || data[0] == '"' {
		return syntaxError(data)
	}
	line, _, _ := bytes.Cut(data[:min(len(data), 100)], []byte("\n"))
	return fmt.Errorf("%w: it begins with %q", ErrNotJSON, report.Cell(string(line), 30))
}

// syntaxError returns in our words why data does not begin with a JSON value.
func syntaxError(data []byte) error {
	err := jx.DecodeBytes(data).Skip()
	if err == nil {
		err = errors.New("the depth is above the limit")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the JSON is cut off: %w", io.ErrUnexpectedEOF)
	}
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(err) {
		err = cause
	}
	return fmt.Errorf("%w: %w", ErrNotJSON, err)
}

// check looks at the document as a whole.
func (d *decoder) check() {
	d.document++
	d.path = append(d.path[:0], "toolCallStack[]", "id")
	for i := range d.s.ToolCallStack {
		id := d.s.ToolCallStack[i].ID
		switch {
		case id == "":
			d.warnOnce("is missing from a call, which therefore cannot be followed from poll to poll")
		case d.recent.repeated(id, d.document):
			d.warnOnce("is the same in two calls")
		}
	}
}

// warn adds a warning about the member that is being read.
func (d *decoder) warn(what string) {
	if len(d.s.Warnings) < maxWarnings {
		d.s.Warnings = append(d.s.Warnings, strings.Join(d.path, ".")+" "+what)
	}
}

func (d *decoder) warnOnce(what string) {
	if !slices.Contains(d.s.Warnings, strings.Join(d.path, ".")+" "+what) {
		d.warn(what)
	}
}
