package leaktest

import (
	"context"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// openHeap opens the live heaps of the server, before the warm-up finds the size of a
// round: a Python process that is traced is slower.
func (r *run) openHeap(ctx context.Context) {
	cfg := live.Config{Inspect: r.server.child != nil || r.cfg.Attach, Hook: r.server.hook}
	if r.cfg.Pprof != nil {
		cfg.Pprof, cfg.Asked = live.PagesBeside(r.cfg.Client, r.cfg.Pprof), r.cfg.PprofAsked
		cfg.Port, _ = strconv.Atoi(client.Port(r.cfg.Pprof)) // 0 fits no process
	}
	if r.cfg.NoHeap {
		cfg = live.Config{}
	}
	r.heap = live.Open(ctx, r.members(), cfg)
	r.doubtHeap()
	if r.heap.Known() {
		r.res.Environment["live heap"] = r.heap.Describe()
	}
}

// members returns the processes of the server now: some may have come since its memory
// was read last.
func (r *run) members() []process.ID {
	_, _ = r.server.tree.Read() // that the server has ended is said by the next reading
	return r.server.tree.Members()
}

func (r *run) doubtHeap() {
	what := "the live heap is not known, so RSS decides: "
	if r.heap.Known() {
		what = "the live heap of one process is not known: "
	}
	for _, text := range r.heap.Doubts {
		r.warn(what + text)
	}
}

// liveMB collects garbage and returns the size of the live heap, nil if it is not
// known, and whether it is not that of the whole server.
func (r *run) liveMB(ctx context.Context) (mb *float64, partial bool) {
	if !r.heap.Known() || ctx.Err() != nil {
		return nil, false
	}
	r.heap.Follow(ctx, r.members())
	r.doubtHeap()
	bytes, err := r.heap.Read(ctx)
	if err != nil {
		if r.server.end() == "" && ctx.Err() == nil {
			r.warn(err.Error())
		}
		return nil, false
	}
	if !r.heap.Known() { // all processes have ended
		return nil, false
	}
	missing := r.heap.Missing()
	if len(missing) > 0 {
		r.res.Environment["live heap, not known of"] = strings.Join(missing, ", ")
	}
	return new(float64(bytes) / mib), len(missing) > 0
}

// closeHeap closes the inspectors.
func (r *run) closeHeap(ctx context.Context) {
	if err := r.heap.Close(ctx); err != nil && r.server.end() == "" {
		r.warn(err.Error())
	}
}
