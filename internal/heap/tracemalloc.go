package heap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
)

// Tracemalloc is the format of traces of CPython's tracemalloc: an object with the
// member tracemalloc and the list traces.
const Tracemalloc stacks.Format = "tracemalloc"

const (
	maxTraces = 100_000
	maxFrames = 200
	maxFrame  = 300     // columns of a file and line
	maxTotal  = 1 << 62 // bytes, and blocks
)

// trace is the live blocks of one stack, whose frames are files and lines.
type trace struct {
	Stack  frames `json:"stack"` // the oldest call first
	Bytes  int64  `json:"bytes"`
	Blocks int64  `json:"blocks"`
}

// frames are files and lines.
type frames []string

// UnmarshalJSON implements json.Unmarshaler. It refuses a long stack before it is in memory.
func (f *frames) UnmarshalJSON(data []byte) error {
	if n := bytes.Count(data, []byte(`",`)); n > 4*maxFrames { // a name may have some
		return fmt.Errorf("a stack has %d frames", n+1)
	}
	return json.Unmarshal(data, (*[]string)(f))
}

// isTracemalloc reports whether a document is one of tracemalloc.
func isTracemalloc(in *read.Input) bool {
	return in.Format == read.Document && slices.Contains(in.Members, "tracemalloc")
}

// parseTracemalloc reads a document of tracemalloc. It is exact, not sampled.
func parseTracemalloc(data []byte) (*Profile, error) {
	var doc struct {
		Traces []trace `json:"traces"`
	}
	if err := read.Sparse(data); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, read.PlainError(err)
	}
	if len(doc.Traces) > maxTraces {
		return nil, fmt.Errorf("it has %d traces, of which %d are read at most", len(doc.Traces), maxTraces)
	}
	p := &Profile{Bytes: stacks.NewProfile(Tracemalloc, stacks.Bytes), Objects: stacks.NewProfile(Tracemalloc, stacks.Bytes)}
	p.Bytes.Period = 1
	total, blocks := int64(0), int64(0)
	for i := range doc.Traces {
		t := &doc.Traces[i]
		if t.Bytes < 0 || t.Blocks < 0 || t.Bytes > maxTotal-total || t.Blocks > maxTotal-blocks {
			return nil, fmt.Errorf("trace %d has %d bytes in %d blocks", i, t.Bytes, t.Blocks)
		}
		if len(t.Stack) == 0 || len(t.Stack) > maxFrames {
			return nil, fmt.Errorf("trace %d has %d frames", i, len(t.Stack))
		}
		total += t.Bytes
		blocks += t.Blocks
		add(p.Bytes, t.Stack, float64(t.Bytes))
		add(p.Objects, t.Stack, float64(t.Blocks))
	}
	if len(doc.Traces) == 0 {
		return nil, errors.New("it has no traces")
	}
	return p, nil
}

func add(p *stacks.Profile, stack []string, weight float64) {
	ids := make([]int32, len(stack))
	for i, frame := range stack {
		ids[i] = p.ID(report.CellEnd(frame, maxFrame))
	}
	p.Add(ids, weight)
}
