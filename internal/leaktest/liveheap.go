package leaktest

import (
	"context"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
)

// openHeap opens the live heaps of the server, before the warm-up finds the size of a
// round: a Python process that is traced is slower.
func (r *run) openHeap(ctx context.Context) {
	cfg := live.Config{Inspect: r.server.child != nil || r.cfg.Attach, Hook: r.server.hook}
	if r.cfg.Pprof != nil {
		cfg.Pprof = live.PagesBeside(r.cfg.Client, r.cfg.Pprof)
	}
	if r.cfg.NoHeap {
		cfg = live.Config{}
	}
	r.heap = live.Open(ctx, r.server.tree.Members(), cfg)
	for _, text := range r.heap.Doubts {
		r.warn("the live heap is not known, so RSS decides: " + text)
	}
	if r.heap.Known() {
		r.res.Environment["live heap"] = r.heap.Describe()
	}
	if r.heap.Known() && r.heap.Partial() {
		r.res.Environment["live heap, not known of"] = strings.Join(r.heap.Missing, ", ")
	}
}

// liveMB collects garbage and returns the size of the live heap, nil if it is not
// known, and whether it is not that of the whole server.
func (r *run) liveMB(ctx context.Context) (mb *float64, partial bool) {
	r.heap.Follow(r.server.tree.Members())
	if !r.heap.Known() || ctx.Err() != nil {
		return nil, false
	}
	bytes, err := r.heap.Read(ctx)
	if err != nil {
		if r.server.end() == "" && ctx.Err() == nil {
			r.warn(err.Error())
		}
		return nil, false
	}
	return new(float64(bytes) / mib), r.heap.Partial()
}

// closeHeap closes the inspectors.
func (r *run) closeHeap(ctx context.Context) {
	if err := r.heap.Close(ctx); err != nil && r.server.end() == "" {
		r.warn(err.Error())
	}
}
