package diff

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// figures are the figures that are compared.
var figures = snapshot.Figures(func(f *snapshot.Field) int { return f.Rank })

// compareFigures fills Rows with the figures that at least one side gives.
func (r *Result) compareFigures(a, b Window) {
	r.Calls = r.callsBetween(a, b)
	r.Rows = []Row{}
	for i, f := range figures {
		before, after := a.of(i), b.of(i)
		if len(before) == 0 && len(after) == 0 {
			continue
		}
		row := row(f.Name, string(f.Unit), median(before), median(after))
		row.Noise = row.Change != nil && *row.Change != 0 && !differ(before, after)
		perCall := f.PerCall && (f.Name != "heapUsedMB" || !ofWholeProcess(a, b)) // see perSession
		if perCall && row.Change != nil && r.Calls > 0 {
			row.PerCall = new(*row.Change / float64(r.Calls))
		}
		r.Rows = append(r.Rows, row)
	}
	r.sessionsUnknown = r.figure("activeSessions") == nil
}

// ofWholeProcess reports whether heapUsedMB is the memory of the process.
func ofWholeProcess(a, b Window) bool {
	return a.last.HeapSource == snapshot.HeapOfProcess || b.last.HeapSource == snapshot.HeapOfProcess
}

// of returns the values of the figure at index i.
func (w Window) of(i int) []float64 {
	var values []float64
	for _, s := range w.samples {
		if !math.IsNaN(s[i]) {
			values = append(values, s[i])
		}
	}
	return values
}

// callsBetween returns the number of calls between the medians of both sides, as the other
// figures are; 0 if unknown.
func (r *Result) callsBetween(a, b Window) int64 {
	i := slices.IndexFunc(figures, func(f *snapshot.Field) bool { return f.Name == "callsTotal" })
	before, after := median(a.of(i)), median(b.of(i))
	if before == nil || after == nil || r.Process == "restarted" {
		return 0
	}
	return int64(*after - *before)
}

func row(name, unit string, a, b *float64) Row {
	r := Row{Name: name, Unit: unit, A: a, B: b}
	if a != nil && b != nil {
		r.Change = new(*b - *a)
	}
	return r
}

// figure returns the row called name, nil if there is none.
func (r *Result) figure(name string) *Row {
	for i := range r.Rows {
		if r.Rows[i].Name == name {
			return &r.Rows[i]
		}
	}
	return nil
}

func (r *Result) change(name string) *float64 {
	if row := r.figure(name); row != nil {
		return row.Change
	}
	return nil
}

func median(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	return new(trend.Median(values))
}

// compareQueues lists queues with calls on either side, those that grew most first.
func (r *Result) compareQueues(a, b *snapshot.Snapshot) {
	r.Queues = []Row{}
	for _, name := range names(a.HandlerQueue, b.HandlerQueue) {
		before, after := lookup(a.HandlerQueue, name), lookup(b.HandlerQueue, name)
		if before != nil && *before > 0 || after != nil && *after > 0 {
			r.Queues = append(r.Queues, row(name, "count", before, after))
		}
	}
	slices.SortStableFunc(r.Queues, func(x, y Row) int { return compareDown(x.Change, y.Change) })
}

// compareHandlers lists the active handlers, those that keep most first.
func (r *Result) compareHandlers(a, b *snapshot.Snapshot) {
	r.Handlers = []HandlerDiff{}
	if r.Process == "restarted" {
		return
	}
	for _, name := range names(a.Handlers, b.Handlers) {
		before, after := a.Handlers[name], b.Handlers[name]
		h := HandlerDiff{
			Name: name, Calls: since(before.Calls, after.Calls), Errors: since(before.Errors, after.Errors),
			RetainedMB: since(before.RetainedMB, after.RetainedMB),
		}
		if moved(h.Calls) || moved(h.Errors) || moved(h.RetainedMB) {
			r.Handlers = append(r.Handlers, h)
		}
	}
	slices.SortStableFunc(r.Handlers, func(x, y HandlerDiff) int {
		return cmp.Or(compareDown(x.RetainedMB, y.RetainedMB), compareDown(x.Calls, y.Calls))
	})
}

// since returns the change of a total, which is 0 for a handler before its first call.
func since[T int64 | float64](before, after *T) *float64 {
	if after == nil {
		return nil
	}
	if before == nil {
		return new(float64(*after))
	}
	return new(float64(*after) - float64(*before))
}

func moved(v *float64) bool { return v != nil && *v != 0 }

func names[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// lookup returns the depth of a queue. A side that lists queues omits empty ones.
func lookup(queues map[string]int64, name string) *float64 {
	if queues == nil {
		return nil
	}
	return new(float64(queues[name]))
}
