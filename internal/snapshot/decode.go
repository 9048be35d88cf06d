package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxWarnings bounds what one document can make us say.
const maxWarnings = 20

// Decode reads one snapshot document. Fields that are absent or null stay nil;
// a value that a field cannot mean is left out and named in Warnings; fields
// that are not known stay in Raw. It fails on what is not one JSON object, and
// on an object that holds nothing of a snapshot.
func Decode(data []byte) (*Snapshot, error) {
	var d decoder
	return d.decode(data)
}

// decoder can be used again, which saves its buffers.
type decoder struct {
	dec   jsontext.Decoder
	src   bytes.Buffer // jsontext reads a bytes.Buffer in place
	s     *Snapshot
	lead  int // bytes before the document
	known int // members of the document that a snapshot has
}

// Names are compared exactly, as JSON has it, and the first of two equal ones
// counts: encoding/json would fold their case and take the last.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

var bom = []byte("\xef\xbb\xbf")

func (d *decoder) decode(data []byte) (*Snapshot, error) {
	whole := len(data)
	data = bytes.TrimLeft(bytes.TrimPrefix(data, bom), " \t\r\n")
	d.lead = whole - len(data)
	data = bytes.TrimRight(data, " \t\r\n")
	d.src = *bytes.NewBuffer(data)
	d.dec.Reset(&d.src, lenient...)
	d.s, d.known = &Snapshot{Raw: data}, 0
	if err := d.document(data); err != nil {
		return nil, err
	}
	d.check()
	return d.s, nil
}

func (d *decoder) document(data []byte) error {
	switch {
	case len(data) == 0:
		return errors.New("the document is empty")
	case data[0] == '<':
		return errors.New("this is HTML, not JSON: a login page or an error page?")
	case d.dec.PeekKind() != '{':
		if _, err := d.dec.ReadValue(); err != nil {
			return syntaxError(err)
		}
		return errors.New("a snapshot is a JSON object, and this is not one")
	}
	if err := d.object("", d.field); err != nil {
		return syntaxError(err)
	}
	if d.known == 0 {
		return errors.New("this JSON has no field of a snapshot (see mcpdiag schema)")
	}
	end := d.dec.InputOffset()
	if _, err := d.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("there is more after the document, at byte %d", int64(d.lead)+end)
	}
	return nil
}

func syntaxError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the JSON is cut off: %w", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("not JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
}

// object reads an object and hands each member to member, which must consume
// its value. A name that occurs again is skipped, with a warning.
func (d *decoder) object(path string, member func(path, name string) error) error {
	if _, err := d.dec.ReadToken(); err != nil {
		return err
	}
	var seen names
	for d.dec.PeekKind() == '"' {
		tok, err := d.dec.ReadToken()
		if err != nil {
			return err
		}
		name := tok.String()
		if seen.has(name) {
			d.warn(path+clip(name), "stands there twice; the first one counts")
			if err := d.dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		if err := member(path, name); err != nil {
			return err
		}
	}
	_, err := d.dec.ReadToken()
	return err
}

// names are those that an object had so far: few, mostly, but a server may send many.
type names struct {
	few  [32]string
	n    int
	many map[string]bool
}

// has reports whether name has come before, and keeps it.
func (s *names) has(name string) bool {
	if slices.Contains(s.few[:s.n], name) || s.many[name] {
		return true
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return false
	}
	if s.many == nil {
		s.many = map[string]bool{}
	}
	s.many[name] = true
	return false
}

// field reads one member of the document.
func (d *decoder) field(_, name string) (err error) {
	s := d.s
	d.known++
	switch name {
	case "timestamp":
		s.Timestamp, err = d.time(name)
	case "activeSessions":
		s.ActiveSessions, err = d.count(name)
	case "toolCallStack":
		err = d.stack(name)
	case "handlerQueue":
		err = d.queue(name)
	case "heapUsedMB":
		s.HeapUsedMB, err = d.amount(name)
	case "heapSource":
		s.HeapSource, err = d.text(name)
	case "rssMB":
		s.RSSMB, err = d.amount(name)
	case "pid":
		s.PID, err = d.count(name)
	case "startTime":
		s.StartTime, err = d.time(name)
	case "uptimeMs":
		s.UptimeMs, err = d.amount(name)
	case "sessionsCreatedTotal":
		s.SessionsCreatedTotal, err = d.count(name)
	case "sessionsClosedTotal":
		s.SessionsClosedTotal, err = d.count(name)
	case "oldestSessionAgeMs":
		s.OldestSessionAgeMs, err = d.amount(name)
	case "openStreams":
		s.OpenStreams, err = d.count(name)
	case "callsTotal":
		s.CallsTotal, err = d.count(name)
	case "errorsTotal":
		s.ErrorsTotal, err = d.count(name)
	case "handlers":
		err = d.handlers(name)
	case "upstream":
		err = d.upstream(name)
	case "poll":
		err = d.poll(name)
	default:
		d.known--
		d.unknown(name)
		err = d.dec.SkipValue()
	}
	return err
}

// unknown warns of a name that is a known one but for its case.
func (d *decoder) unknown(name string) {
	for _, known := range fieldNames {
		if strings.EqualFold(known, name) {
			d.warn(clip(name), "is not a field of a snapshot; did you mean "+known+"?")
		}
	}
}

// check looks at the document as a whole.
func (d *decoder) check() {
	ids := make(map[string]bool, len(d.s.ToolCallStack))
	for i := range d.s.ToolCallStack {
		id := d.s.ToolCallStack[i].ID
		switch {
		case id == "":
			d.warnOnce("toolCallStack[].id", "is missing from a call, which therefore cannot be followed from poll to poll")
		case ids[id]:
			d.warnOnce("toolCallStack[].id", "is the same in two calls")
		}
		ids[id] = true
	}
}

func (d *decoder) warn(field, what string) {
	if len(d.s.Warnings) < maxWarnings {
		d.s.Warnings = append(d.s.Warnings, field+" "+what)
	}
}

func (d *decoder) warnOnce(field, what string) {
	if !slices.Contains(d.s.Warnings, field+" "+what) {
		d.warn(field, what)
	}
}
