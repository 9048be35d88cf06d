package heap

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
)

// maxProfile is the size of the largest profile that is read.
const maxProfile = 512 << 20

// Source is a file that is opened when it is needed.
type Source struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Taken returns a source that takes a heap when it is opened.
func Taken(name string, take func() ([]byte, error)) Source {
	return Source{Name: name, Open: func() (io.ReadCloser, error) {
		data, err := take()
		return io.NopCloser(bytes.NewReader(data)), err
	}}
}

// Options are the options of Run.
type Options struct {
	Operations int   // between the two files, 0 if unknown
	Memory     int64 // limit of the memory for a snapshot
}

// side is a file that was read: a snapshot, the totals of one or of a class
// histogram, or a profile.
type side struct {
	Side
	summary *graph.Summary
	graph   *graph.Graph
	profile *Profile
}

// Run reads one or two sources, in their order, and describes or compares them. A third
// one after two snapshots is the sampling profile of the allocations between them.
func Run(sources []Source, o Options) (*Result, error) { return run(sources, &o) }

// run is Run. The number of operations is read after both sources.
func run(sources []Source, o *Options) (*Result, error) {
	first, err := load(sources[0], len(sources) == 1, o)
	if err != nil {
		return nil, err
	}
	if len(sources) == 1 {
		return first.inspect(), nil
	}
	last, err := load(sources[1], true, o)
	if err != nil {
		return nil, err
	}
	res, err := compare(first, last, o)
	if err != nil || len(sources) == 2 {
		return res, err
	}
	return res, res.addSites(sources[2], o)
}

// addSites adds the lines whose sampled allocations stay.
func (r *Result) addSites(source Source, o *Options) error {
	s, err := load(source, false, o)
	if err != nil {
		return err
	}
	if r.B.Format != read.HeapSnapshot || s.Format != read.HeapProfile {
		return fmt.Errorf("%s is a %s; a third file is a .heapprofile that was sampled between two snapshots", s.Name, s.Format)
	}
	r.Sites = CompareProfiles(nothing(s.profile.Bytes), *s.profile, o.Operations).Sites
	if text := r.sampled(); text != "" {
		r.Headline += "; " + text
	}
	return nil
}

func (s *side) inspect() *Result {
	var res *Result
	switch {
	case s.graph != nil:
		res = Inspect(s.graph)
	case s.summary != nil:
		res = InspectHistogram(s.summary)
	case s.profile.Bytes.Unit == Goroutine:
		res = InspectGoroutines(s.profile.Bytes)
	default:
		res = InspectProfile(*s.profile)
	}
	res.B = s.Side
	s.warn(res)
	return res
}

// warn adds the doubts about a profile.
func (s *side) warn(res *Result) {
	if s.profile == nil {
		return
	}
	for _, warning := range s.profile.Bytes.Warnings {
		res.Warnings = append(res.Warnings, s.Name+": "+warning)
	}
}

func compare(a, b *side, o *Options) (*Result, error) {
	var res *Result
	switch {
	case a.Format == read.Histogram && b.Format == read.Histogram:
		res = CompareHistograms(a.summary, b.summary, o.Operations)
	case a.Format == read.HeapSnapshot && b.graph != nil:
		if a.summary.LastID > b.summary.LastID {
			return nil, fmt.Errorf("%s is older than %s, or of another process: name the older one first", b.Name, a.Name)
		}
		res = Compare(a.summary, b.graph, o.Operations)
	case a.profile != nil && b.profile != nil:
		if a.profile.Bytes.Unit != b.profile.Bytes.Unit {
			return nil, fmt.Errorf("%s is in %s, %s in %s", a.Name, a.profile.Bytes.Unit, b.Name, b.profile.Bytes.Unit)
		}
		if b.profile.Bytes.Unit == Goroutine {
			res = CompareGoroutines(a.profile.Bytes, b.profile.Bytes, o.Operations)
			break
		}
		res = CompareProfiles(*a.profile, *b.profile, o.Operations)
	default:
		return nil, fmt.Errorf("%s is a %s and %s a %s; compare two of one kind", a.Name, a.Format, b.Name, b.Format)
	}
	res.A, res.B = &a.Side, b.Side
	a.warn(res)
	b.warn(res)
	return res, nil
}

// load reads a file. Of a snapshot, nodes and edges are kept if whole is true.
func load(src Source, whole bool, o *Options) (*side, error) {
	file, err := src.Open()
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	in, err := read.Open(file, src.Name)
	if err != nil {
		return nil, err
	}
	s := &side{Side: Side{Name: src.Name, Format: in.Format}}
	switch in.Format {
	case read.HeapSnapshot:
		err = s.readSnapshot(in, whole, o.Memory)
	case read.Histogram:
		s.summary, err = parseHistogram(in)
	default:
		return s, s.readProfile(in)
	}
	if _, full := errors.AsType[*graph.MemoryError](err); err != nil && !full {
		err = read.Again(err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s (%s): %w", src.Name, in.Format, err)
	}
	s.Objects, s.Bytes = s.summary.Total.Count, s.summary.Total.Bytes
	return s, nil
}

func (s *side) readSnapshot(in io.Reader, whole bool, memory int64) (err error) {
	if !whole {
		s.summary, err = graph.Summarize(in, memory)
		return err
	}
	if s.graph, err = graph.Read(in, memory); err == nil {
		s.summary = &s.graph.Summary
	}
	return err
}

// readable reports whether a profile of a format says how much memory is held.
func readable(format stacks.Format) bool {
	return isGo(format) || format == read.HeapProfile
}

// mostLooked limits how much is read of a file of another format, in bytes.
const mostLooked = 16 << 20

// unreadable says why a file of another format is not read.
func (s *side) unreadable(in *read.Input) error {
	if in.Format == read.CPUProfile {
		return fmt.Errorf(`reading %s: this is a profile of time, not of memory; "mcpdiag flame" draws it`, s.Name)
	}
	if data, err := report.ReadAtMost(in, mostLooked); err == nil {
		if err := brokenJSON(data); err != nil {
			return fmt.Errorf("reading %s: it begins as JSON does, but %w", s.Name, read.Again(err))
		}
	}
	return fmt.Errorf("reading %s: it is none of these: a .heapsnapshot or .heapprofile of V8, a heap profile of pprof, a document of tracemalloc, a class histogram of a JVM", s.Name)
}

// readProfile reads a profile. That of a Go program has the live bytes and objects
// as two of its values.
func (s *side) readProfile(in *read.Input) error {
	if !isTracemalloc(in) && !readable(in.Format) {
		return s.unreadable(in)
	}
	data, err := report.ReadAtMost(in, maxProfile)
	if err != nil {
		return fmt.Errorf("reading %s: %w", s.Name, err)
	}
	parse := func(sample string) (*stacks.Profile, error) {
		again := &read.Input{Reader: bufio.NewReader(bytes.NewReader(data)), Name: in.Name, Shape: in.Shape}
		return again.Profile(read.Options{Sample: sample, Lines: true})
	}
	if isTracemalloc(in) {
		if s.profile, err = parseTracemalloc(data); err != nil {
			return fmt.Errorf("reading %s (%s): %w", s.Name, Tracemalloc, read.Again(err))
		}
		s.Format, s.Bytes = Tracemalloc, int64(s.profile.Bytes.Weight())
		return nil
	}
	s.profile = &Profile{}
	if in.Format == read.HeapProfile {
		s.profile.Bytes, err = parse("")
	} else {
		err = s.readGo(parse)
	}
	if err != nil {
		return err
	}
	s.Format, s.Bytes = s.profile.Bytes.Format, int64(s.profile.Bytes.Weight())
	if s.profile.Bytes.Unit == Goroutine {
		s.Objects, s.Bytes = s.Bytes, 0
	}
	return nil
}

// readGo reads the live memory of a Go program, or its goroutines.
func (s *side) readGo(parse func(sample string) (*stacks.Profile, error)) (err error) {
	s.profile.Bytes, err = parse("inuse_space")
	if other, ok := errors.AsType[*read.NoValueError](err); ok {
		if p, err := parse(string(Goroutine)); err == nil && p.Unit == Goroutine {
			s.profile.Bytes = p
			return nil
		}
		return fmt.Errorf(`reading %s: it has %s, which is no live memory; "mcpdiag flame" draws it`, s.Name, other.Has)
	}
	if err != nil {
		return err
	}
	if unit := s.profile.Bytes.Unit; unit != stacks.Bytes {
		return fmt.Errorf("reading %s: its live memory is in %.40q instead of bytes; record it again", s.Name, unit)
	}
	if s.profile.Objects, err = parse("inuse_objects"); err != nil {
		return err
	}
	s.profile.Allocated, err = parse("alloc_space")
	if _, none := errors.AsType[*read.NoValueError](err); none {
		return nil
	}
	return err
}

// brokenJSON returns the syntax error of data that begins as a JSON object, nil if it is
// valid JSON or does not begin as an object.
func brokenJSON(data []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte(`{"`)) {
		return nil
	}
	var whole json.RawMessage
	return read.PlainError(json.Unmarshal(data, &whole))
}
