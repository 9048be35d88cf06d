package read

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/spans"
)

// maxWhole is the size of the largest input that must be in memory as a whole, in bytes.
const maxWhole = 512 << 20

// Options choose among the contents of a file.
type Options struct {
	Profile string // name or number, from 1, of one profile among several
	Sample  string // name of one value among several of each sample
	Lines   bool   // name functions with file and line, where the format has them (pprof, heap profiles of V8)
}

// Input is an input whose format was recognized.
type Input struct {
	*bufio.Reader
	Name string // for errors
	Shape
}

// Open undoes compression and byte order marks, and recognizes the format.
func Open(r io.Reader, name string) (*Input, error) {
	packed := &counter{Reader: r}
	text, err := report.Decode(packed, maxWhole)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	in := bufio.NewReaderSize(&unpacked{counter{Reader: text}, packed}, headSize)
	head, err := in.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	switch {
	case len(head) == 0:
		return nil, refuse(name, "it is empty")
	case bytes.HasPrefix(head, make([]byte, 16)): // such as /dev/zero, or a file with a hole, is not read as a whole
		return nil, fmt.Errorf("reading %s: %w; it begins with zero bytes: was it written completely?", name, ErrUnknown)
	}
	return &Input{Reader: in, Name: name, Shape: Detect(head)}, nil
}

// A file that unpacks to more than maxRatio times its size was made to fill the memory,
// unless it is smaller than harmless: heap profiles and traces unpack to 3 to 40 times.
const (
	maxRatio = 100
	harmless = 32 << 20 // bytes
)

// counter counts the bytes that are read.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// unpacked is the text of a file, which compares its size with that of the file.
type unpacked struct {
	counter
	packed *counter
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.counter.Read(p)
	if u.n > harmless && u.n > maxRatio*u.packed.n {
		return n, fmt.Errorf("its first %d bytes unpack to more than %d times as many, as files do that are made to fill the memory; if it is none, unpack it and name what comes out", u.packed.n, maxRatio)
	}
	return n, err
}

// Profile reads a profile of any format that package read knows.
func (in *Input) Profile(o Options) (*stacks.Profile, error) {
	p, err := in.profile(o)
	if err != nil {
		return nil, err
	}
	if err := finite(p); err != nil {
		return nil, fmt.Errorf("reading %s (%s): %w", in.Name, p.Format, err)
	}
	return p, nil
}

// finite refuses weights that no process has, and those of folded stacks, which have no
// unit, that have no sum with others.
func finite(p *stacks.Profile) error {
	most, sum := math.Exp2(62), 0.0
	if p.Format == Folded {
		most = 1e300
	}
	for i := range p.Nodes {
		sum += math.Abs(p.Nodes[i].Self) + math.Abs(p.Nodes[i].Base)
	}
	switch {
	case sum <= most:
		return nil
	case p.Format == Folded:
		return errors.New("its weights add up to more than 1e+300; are they a unit's, such as ns or bytes?")
	}
	return errors.New("its values add up to more than 2^62; record the profile again") // or are no numbers
}

func (in *Input) profile(o Options) (*stacks.Profile, error) {
	if in.Format == Folded {
		return readFolded(in, in.Name)
	}
	switch in.Format {
	case HeapSnapshot:
		return nil, refuse(in.Name, heapSnapshotText)
	case Histogram:
		return nil, refuse(in.Name, histogramText)
	}
	reader := readerOf(in.Format)
	if reader == nil && !in.More {
		head, _ := in.Peek(headSize) // the head is enough to name it
		return nil, in.unknown(head)
	}
	data, err := report.ReadAtMost(in, maxWhole)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", in.Name, err)
	}
	if reader == nil { // the members that tell its format come late
		in.Shape = Detect(data)
		if reader = readerOf(in.Format); reader == nil {
			return nil, in.unknown(data)
		}
	}
	if err := Sparse(data); in.Members != nil && err != nil { // it is JSON
		return nil, fmt.Errorf("reading %s (%s): %w", in.Name, in.Format, err)
	}
	return in.parse(reader, data, o)
}

// reader reads the profiles of an input that is in memory.
type reader func([]byte, Options) ([]*stacks.Profile, error)

// readerOf returns the reader of a format, nil if it is unknown.
func readerOf(format stacks.Format) reader {
	return map[stacks.Format]reader{
		Picture: readPicture, Speedscope: readSpeedscope, Pprof: readPprof, Binary: readPprof, GoText: readGoText,
		GoStacks: readGoStacks, CPUProfile: readCPUProfile, HeapProfile: readHeapProfile,
		Gecko: readGecko, PerfScript: readPerfScript,
		ChromeEvents: readChrome, OTLP: fromSpans(OTLP, spans.OTLP), Jaeger: fromSpans(Jaeger, spans.Jaeger), Zipkin: fromSpans(Zipkin, spans.Zipkin),
	}[format]
}

// parse reads an input that is in memory.
func (in *Input) parse(read reader, data []byte, o Options) (*stacks.Profile, error) {
	profiles, err := read(data, o)
	if bad, ok := errors.AsType[*notPprofError](err); ok && in.Format == Binary {
		return in.otherBinary(data, bad.error)
	}
	if in.Format == Binary {
		in.Format = Pprof
	}
	if err == nil {
		var p *stacks.Profile
		if p, err = pick(profiles, o.Profile); err == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("reading %s (%s): %w", in.Name, in.Format, Again(PlainError(err)))
}

// otherBinary reads traces in Protocol Buffers, and folded stacks whose names have
// bytes that no text has. Other inputs are named if possible; cause is the reason
// why they are not a pprof profile.
func (in *Input) otherBinary(data []byte, cause error) (*stacks.Profile, error) {
	if format := foreign(data); format != "" {
		return nil, refuse(in.Name, format)
	}
	if p, err := readFolded(bytes.NewReader(data), in.Name); err == nil {
		return p, nil
	}
	if recording, err := spans.Protobuf(data); err == nil {
		return spans.Profile(OTLP, recording) // Protobuf fails without spans
	}
	if format := otherKind(data); format != "" {
		return nil, refuse(in.Name, format)
	}
	return nil, refuse(in.Name, fmt.Sprintf("it is binary, and neither a pprof profile (%v) nor a trace in Protocol Buffers; was it written completely?", cause))
}

// fromSpans returns a reader of recorded spans.
func fromSpans(format stacks.Format, parse func([]byte) (*spans.Recording, error)) reader {
	return func(data []byte, _ Options) ([]*stacks.Profile, error) {
		recording, err := parse(data)
		if err != nil {
			return nil, err
		}
		p, err := spans.Profile(format, recording)
		return []*stacks.Profile{p}, err
	}
}

// unknown explains that a document is no profile.
func (in *Input) unknown(data []byte) error {
	has := func(name string) bool { return slices.Contains(in.Members, name) }
	why := foreign(data)
	switch {
	case why != "":
	case has("tracemalloc"):
		why = tracemallocText
	case (has("level") || has("severity")) && (has("msg") || has("message")):
		why = logText
	default:
		why = fmt.Sprintf("a JSON document with the members %.60q is neither a snapshot nor a profile that mcpdiag reads", in.Members[:min(len(in.Members), 5)])
	}
	return refuse(in.Name, why)
}

// PlainError words the errors of encoding/json without the terms of Go.
func PlainError(err error) error {
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		article := "a"
		if strings.HasPrefix(kind.Value, "a") || strings.HasPrefix(kind.Value, "o") {
			article = "an" // array, object
		}
		return fmt.Errorf("%s at byte %d: %s %s where another type is expected", kind.Field, kind.Offset, article, kind.Value)
	}
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	switch {
	case ok && syntax.Error() == "unexpected end of JSON input":
		return fmt.Errorf("the file is cut off: its JSON ends early, after %d bytes", syntax.Offset)
	case ok && strings.HasSuffix(syntax.Error(), "exceeded max depth"):
		return fmt.Errorf("byte %d: it nests deeper than 10000 levels, as nothing does that a runtime writes; record it again", syntax.Offset)
	case ok:
		return fmt.Errorf("byte %d: %w; record it again", syntax.Offset, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the file is cut off: its JSON ends early")
	}
	return err
}

// Again adds the remedy to an error about a damaged file, unless it names one itself.
func Again(err error) error {
	if text := err.Error(); strings.HasSuffix(text, "?") || strings.Contains(text, "; ") {
		return err
	}
	return fmt.Errorf("%w; record it again", err)
}

// Sparse refuses a large JSON document of objects that are nearly empty: in memory each
// would take many times its size, and no runtime writes them.
func Sparse(data []byte) error {
	const large, least = 1 << 20, 12 // bytes of a document and of an object
	if n := bytes.Count(data, []byte("{")); len(data) > large && n > len(data)/least {
		return fmt.Errorf("its %d objects have fewer than %d bytes each, as in no profile; record it again", n, least)
	}
	return nil
}
