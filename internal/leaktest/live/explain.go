package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Load makes operations and returns their number.
type Load func(ctx context.Context) (int, error)

// explainTime limits an explanation beside its load.
const explainTime = 2 * time.Minute

// Explanation is the holders and lines of the memory that a process keeps.
type Explanation struct {
	*heap.Result
	Allocations []byte // profile of the allocations that stay, nil without sampling
}

// Explain finds the memory that the process that grew most keeps of the operations of
// load. note receives a line for each step that affects the process.
func (h *Heap) Explain(ctx context.Context, load Load, note func(format string, args ...any)) (*Explanation, error) {
	var most door
	grown := int64(0)
	for _, d := range h.doors {
		if g := d.grown(); most == nil || g > grown {
			most, grown = d, g
		}
	}
	if most == nil {
		return nil, errors.New("no process has a live heap that can be read")
	}
	return most.explain(ctx, load, note)
}

// growth remembers the first and the last size of a live heap.
type growth struct {
	first, last int64
	read        bool
}

func (g *growth) note(bytes int64) {
	if !g.read {
		g.first, g.read = bytes, true
	}
	g.last = bytes
}

func (g *growth) grown() int64 { return g.last - g.first }

// explain takes two snapshots around the load and samples allocations between them.
func (n *node) explain(ctx context.Context, load Load, note func(format string, args ...any)) (*Explanation, error) {
	l := heap.Live{
		Session: n.session, Name: fmt.Sprintf("process %d", n.id.PID), Options: heap.Options{Memory: graph.DefaultLimit},
		Available: process.Available(n.id.PID), Load: load, Note: note,
	}
	res, err := l.Run(ctx)
	if err != nil {
		return nil, err
	}
	return &Explanation{res, l.Profile}, nil
}

// explain compares two heap profiles around the load.
func (g *goRuntime) explain(ctx context.Context, load Load, note func(format string, args ...any)) (*Explanation, error) {
	note("comparing two heap profiles of %s", g.name())
	source := func(name string) (heap.Source, error) {
		ctx, cancel := context.WithTimeout(ctx, explainTime)
		defer cancel()
		data, err := g.get(ctx, "heap", url.Values{"gc": {"1"}})
		return heap.Source{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}, err
	}
	return around(ctx, load, source)
}

// around compares the profiles before and after the load.
func around(ctx context.Context, load Load, profile func(name string) (heap.Source, error)) (*Explanation, error) {
	before, err := profile("before")
	if err != nil {
		return nil, err
	}
	operations, err := load(ctx)
	if err != nil {
		return nil, err
	}
	after, err := profile("after")
	if err != nil {
		return nil, err
	}
	res, err := heap.Run([]heap.Source{before, after}, heap.Options{Operations: operations})
	if err != nil {
		return nil, err
	}
	return &Explanation{Result: res}, nil
}
