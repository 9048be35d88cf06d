package live

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Around describes the two heaps of an explanation.
type Around struct {
	// Load makes operations between them and returns their number.
	Load func(ctx context.Context) (int, error)
	// Note receives a line for each step that affects the process.
	Note func(format string, args ...any)
	Keep *heap.Keep // nil: nothing is stored
}

// explainTime limits an explanation beside its load.
const explainTime = 2 * time.Minute

// Explanation is the holders and lines of the memory that a process keeps.
type Explanation struct {
	*heap.Result
	Allocations []byte // profile of the allocations that stay, nil without sampling
}

// Explain finds the memory that the process that grew most keeps of the operations.
func (h *Heap) Explain(ctx context.Context, around Around) (*Explanation, error) {
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
	return most.explain(ctx, around)
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
func (n *node) explain(ctx context.Context, around Around) (*Explanation, error) {
	l := heap.Live{
		Session: n.session, Name: fmt.Sprintf("process %d", n.id.PID), Options: heap.Options{Memory: graph.DefaultLimit},
		Available: process.Available(n.id.PID), Load: around.Load, Note: around.Note, Keep: around.Keep,
	}
	res, err := l.Run(ctx)
	if err != nil {
		return nil, err
	}
	return &Explanation{res, l.Profile}, nil
}

// explain compares two heap profiles around the load.
func (g *goRuntime) explain(ctx context.Context, around Around) (*Explanation, error) {
	around.Note("comparing two heap profiles of %s", g.name())
	var waiting []heap.Source // goroutines before and after
	e, err := around.compare(ctx, "pb.gz", func(ctx context.Context) ([]byte, error) {
		page, err := g.get(ctx, "goroutine", nil)
		if err == nil { // it need not be there
			waiting = append(waiting, heap.TakenGoroutines(page, len(waiting)+1, around.Keep))
		}
		return g.get(ctx, "heap", url.Values{"gc": {"1"}})
	})
	if err == nil && len(waiting) == 2 {
		err = e.AddGoroutines(waiting[0], waiting[1])
	}
	return e, err
}

// compare compares the heaps that take returns before and after the load. They are
// stored with the extension ext.
func (a *Around) compare(ctx context.Context, ext string, take func(ctx context.Context) ([]byte, error)) (*Explanation, error) {
	source := func(name, file string) (heap.Source, error) {
		ctx, cancel := context.WithTimeout(ctx, explainTime)
		defer cancel()
		data, err := take(ctx)
		return a.Keep.Source(heap.Taken(name, func() ([]byte, error) { return data, nil }), file+"."+ext), err
	}
	before, err := source("before", "a")
	if err != nil {
		return nil, err
	}
	operations, err := a.Load(ctx)
	if err != nil {
		return nil, err
	}
	after, err := source("after", "b")
	if err != nil {
		return nil, err
	}
	res, err := heap.Run([]heap.Source{before, after}, heap.Options{Operations: operations})
	if err != nil {
		return nil, err
	}
	return &Explanation{Result: res}, nil
}
