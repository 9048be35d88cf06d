package read

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

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
	Lines   bool   // name functions with file and line, where the format has them (pprof, V8)
}

// Input is an input whose format was recognized.
type Input struct {
	*bufio.Reader
	Name string // for errors
	Shape
}

// Open undoes compression and byte order marks, and recognizes the format.
func Open(r io.Reader, name string) (*Input, error) {
	text, err := report.Decode(r, maxWhole)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	in := bufio.NewReaderSize(text, headSize)
	head, err := in.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(head) == 0 {
		return nil, fmt.Errorf("reading %s: it is empty", name)
	}
	return &Input{Reader: in, Name: name, Shape: Detect(head)}, nil
}

// maxWeight bounds the sum of the weights of an input, so that those of many inputs
// have a sum, too.
const maxWeight = 1e300

// Profile reads a profile of any format that package read knows.
func (in *Input) Profile(o Options) (*stacks.Profile, error) {
	p, err := in.profile(o)
	if err != nil {
		return nil, err
	}
	sum := 0.0
	for i := range p.Nodes {
		sum += math.Abs(p.Nodes[i].Self) + math.Abs(p.Nodes[i].Base)
	}
	if !(sum <= maxWeight) { // it may be no number
		return nil, fmt.Errorf("reading %s: its weights add up to more than %g, which is too large to draw; are they a unit's, such as ns or bytes?", in.Name, maxWeight)
	}
	return p, nil
}

func (in *Input) profile(o Options) (*stacks.Profile, error) {
	if in.Format == Folded {
		return readFolded(in, in.Name)
	}
	switch in.Format {
	case HeapSnapshot:
		return nil, fmt.Errorf("reading %s: %s", in.Name, heapSnapshotText)
	case Histogram:
		return nil, fmt.Errorf(`reading %s: this is a class histogram of a JVM, which has no stacks; "mcpdiag heap" reads it`, in.Name)
	}
	data, err := report.ReadAtMost(in, maxWhole)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", in.Name, err)
	}
	return in.parse(data, o)
}

// parse reads an input that is in memory.
func (in *Input) parse(data []byte, o Options) (*stacks.Profile, error) {
	readers := map[stacks.Format]func([]byte, Options) ([]*stacks.Profile, error){
		Picture: readPicture, Speedscope: readSpeedscope, Pprof: readPprof, Binary: readPprof, GoText: readGoText,
		GoStacks: readGoStacks, CPUProfile: readCPUProfile, HeapProfile: readHeapProfile,
		Gecko: readGecko, PerfScript: readPerfScript,
		ChromeEvents: fromSpans(ChromeEvents, spans.Chrome), OTLP: fromSpans(OTLP, spans.OTLP), Jaeger: fromSpans(Jaeger, spans.Jaeger),
	}
	reader := readers[in.Format]
	if reader == nil {
		return nil, in.unknown(data)
	}
	profiles, err := reader(data, o)
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
	return nil, fmt.Errorf("reading %s (%s): %w", in.Name, in.Format, plainError(err))
}

// otherBinary reads traces in Protocol Buffers, and folded stacks whose names have
// bytes that no text has. Other inputs are named if possible; cause is the reason
// why they are not a pprof profile.
func (in *Input) otherBinary(data []byte, cause error) (*stacks.Profile, error) {
	if format := foreign(data); format != "" {
		return nil, fmt.Errorf("reading %s: %s", in.Name, format)
	}
	if p, err := readFolded(bytes.NewReader(data), in.Name); err == nil {
		return p, nil
	}
	if list, err := spans.Protobuf(data); err == nil {
		return spans.Profile(OTLP, list)
	}
	if format := otherKind(data); format != "" {
		return nil, fmt.Errorf("reading %s: %s", in.Name, format)
	}
	return nil, fmt.Errorf("reading %s: it is binary, and neither a pprof profile (%w) nor a trace in Protocol Buffers", in.Name, cause)
}

// fromSpans returns a reader of recorded spans.
func fromSpans(format stacks.Format, parse func([]byte) ([]spans.Span, error)) func([]byte, Options) ([]*stacks.Profile, error) {
	return func(data []byte, _ Options) ([]*stacks.Profile, error) {
		list, err := parse(data)
		if err != nil {
			return nil, err
		}
		p, err := spans.Profile(format, list)
		return []*stacks.Profile{p}, err
	}
}

// unknown explains that a document is no profile.
func (in *Input) unknown(data []byte) error {
	if format := foreign(data); format != "" {
		return fmt.Errorf("reading %s: %s", in.Name, format)
	}
	shown := in.Members[:min(len(in.Members), 5)]
	return fmt.Errorf("reading %s: a JSON document with the members %.60q is neither a snapshot nor a profile that mcpdiag reads", in.Name, shown)
}

// plainError words the errors of encoding/json without the terms of Go.
func plainError(err error) error {
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s at byte %d: a %s where another type is expected", kind.Field, kind.Offset, kind.Value)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && syntax.Error() == "unexpected end of JSON input" {
		return fmt.Errorf("the file is cut off: its JSON ends early, after %d bytes", syntax.Offset)
	}
	return err
}
