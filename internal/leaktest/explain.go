package leaktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/flame"
	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/conduct"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Explained is the explanation of a leak: the holder of the objects, or the line that
// allocated them.
type Explained struct {
	Phase string       `json:"phase"`
	Per   string       `json:"per"`
	Heap  *heap.Result `json:"heap"`
	Flame string       `json:"flame,omitempty"` // flame graph of the allocations that stay
	Kept  []string     `json:"kept,omitempty"`  // files of the two heaps, if they were to be stored
}

// The operations between the two heaps: enough to tell them from caches and from the
// error of sampling, and no more than a short load.
const (
	explainedOperations = 1_000
	explainedMB         = 4.0
	explainedLoad       = 20 * time.Second
	fewestExplained     = 100
	leastExplained      = 20 // where little memory is left
	mostExplained       = 3  // phases
)

// explain names the holder and the line of each leak, after all verdicts: the snapshots and the
// sampling cannot disturb them.
func (r *run) explain(ctx context.Context) {
	if r.cfg.NoExplain || !r.heap.Known() || r.conductor.Ended != "" || r.conductor.Full {
		return
	}
	judge.Explain(r.conductor.Phases)
	for _, p := range r.conductor.Phases {
		if p.Verdict() != trend.Leak || !p.LiveGrew() || len(p.Explained) > 0 || ctx.Err() != nil || len(r.res.Explained) >= mostExplained {
			continue
		}
		r.report(conduct.Progress{Phase: p.ID, State: "explain"})
		if err := r.explainPhase(ctx, p); err != nil && ctx.Err() == nil && p.By == judge.ByLive { // a count may leave nothing in the heap
			r.warn(fmt.Sprintf("per %s: what is kept was not found out: %v", p.Per, err))
		}
	}
}

func (r *run) explainPhase(ctx context.Context, p *judge.Phase) error {
	task := r.conductor.TaskOf(p)
	if task.Select != nil {
		task.Select()
	}
	r.load.OpenStanding(ctx, &task.Operation)
	defer r.load.CloseStanding(context.WithoutCancel(ctx))
	n := min(explainedCount(p), r.conductor.Allows(p))
	if n < leastExplained {
		return errors.New("the memory or the open files that are left do not allow the operations that would show it")
	}
	if b, _ := r.guarded(ctx, &task.Operation, max(1, n/20)); b.Done == 0 { // the first calls open sessions and connections
		return errors.New("no operation succeeded")
	}
	load := func(ctx context.Context) (int, error) {
		b, full := r.guarded(ctx, &task.Operation, n)
		if full {
			return 0, errMemory
		}
		r.load.CloseIdle()
		conduct.Pause(ctx, min(r.cfg.Settle, time.Second))
		return int(b.Done), nil
	}
	around := live.Around{Load: load, Note: r.note, Keep: r.keeper(p)}
	e, err := r.heap.Explain(ctx, around)
	if err != nil {
		return err
	}
	x := Explained{Phase: p.ID, Per: p.Per, Heap: e.Result}
	if around.Keep != nil {
		x.Kept = around.Keep.Files
	}
	if p.Holds = e.Kept(); p.Holds == "" {
		return fmt.Errorf("no object and no line keeps memory in each of %d operations: what is kept lies outside the heap, or is few large blocks", e.Operations)
	}
	if e.Allocations != nil {
		x.Flame = r.out.allocations(len(r.res.Explained)+1, p, e.Allocations)
	}
	r.res.Explained = append(r.res.Explained, x)
	return nil
}

// keeper returns the folder for the heaps of p, nil if they are not stored.
func (r *run) keeper(p *judge.Phase) *heap.Keep {
	if r.cfg.Keep == "" {
		return nil
	}
	return &heap.Keep{Dir: r.cfg.Keep, Scrub: r.cfg.Scrub, Note: r.note, Prefix: fmt.Sprintf("%d-%s-", len(r.res.Explained)+1, p.ID)}
}

// explainedCount returns the number of operations between the two heaps.
func explainedCount(p *judge.Phase) int {
	n, most := max(explainedOperations, int(explainedMB*mib/max(p.Rate.Bytes, 1))), explainedLoad
	if p.Trend.NextStep > 0 { // the step after that is at most as far away
		n, most = max(n, int(p.Trend.NextStep)), 3*explainedLoad
	}
	if last := &p.Rounds[len(p.Rounds)-1]; last.Throughput > 0 {
		n = min(n, int(last.Throughput*most.Seconds()))
	}
	return max(n, fewestExplained)
}

// note reports a step that affects the server.
func (r *run) note(format string, args ...any) {
	if r.cfg.Note != nil {
		r.cfg.Note(fmt.Sprintf(format, args...))
	}
}

// allocations draws a flame graph of a sampling profile and returns its name, "" if
// there is nothing to draw. Phases of several tools have one ID.
func (o *folder) allocations(nth int, p *judge.Phase, profile []byte) string {
	c := flame.Collector{Choose: read.Options{Lines: true}}
	if err := c.Read(bytes.NewReader(profile), "the sampling profile"); err != nil {
		return ""
	}
	name := fmt.Sprintf("allocations-%d-%s.svg", nth, p.ID)
	if drawn, _ := o.draw(&c, name, "Allocations that stay, per "+p.Per); !drawn {
		return ""
	}
	return name
}
