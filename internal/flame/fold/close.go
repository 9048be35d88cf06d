package fold

import (
	"maps"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Close ends the calls that are still in flight and returns the result.
func (f *Folder) Close() *Result {
	p := &Result{Profile: &stacks.Profile{Builder: f.b, Format: Trace, Unit: stacks.Millis}, Watch: &f.watch, Calls: &f.calls}
	for _, by := range f.opts.By {
		p.Dims = append(p.Dims, string(by))
	}
	for _, t := range f.order {
		if t.gone() {
			f.leave(t)
		}
	}
	for _, t := range f.order {
		if !f.opts.To.set { // else they may have ended after the window
			f.calls.unended(t)
		}
	}
	for _, t := range f.order {
		f.settle(t)
		t.gen++ // no call is in flight
		t.before = t.now
		f.calls.end(f.b, t, t.last.At())
	}
	f.weigh(p)
	f.calls.order()
	f.calls.mark(f.b)
	f.watch.Calls, f.watch.Weight, f.watch.Parallel = f.calls.count, f.opts.Weight, f.opts.Parallel
	for _, v := range f.addresses {
		f.watch.Targets = append(f.watch.Targets, v.name)
	}
	slices.Sort(f.watch.Targets)
	for _, n := range f.b.Nodes {
		p.Observed += float64(n.Hits)
	}
	f.calls.b = f.b
	f.doubts(p)
	return p
}

// weigh sets the weights that are not time between polls.
func (f *Folder) weigh(p *Result) {
	single := f.watch.Polls == len(f.addresses)
	undated := !single && f.watch.Window == 0
	switch {
	case f.opts.Weight == Sample, f.opts.Weight == Gap && undated:
		if f.opts.Weight == Gap {
			p.Warn("the polls have no times that differ; widths are numbers of polls, not time")
		}
		f.opts.Weight, p.Unit = Sample, stacks.Samples
		for i := range f.b.Nodes {
			f.b.Nodes[i].Self = float64(f.b.Nodes[i].Hits)
		}
	case f.opts.Weight == Age, single:
		f.opts.Weight = Age
		f.ages(p)
		if !single {
			p.Warn("ages are those of the last poll of each target: ages of one call in several polls cannot be added up")
		} else {
			p.Format = Moment
		}
	}
}

// ages weighs the calls of each target's last poll by their age.
func (f *Folder) ages(p *Result) {
	ageless := 0
	for _, t := range f.order {
		for _, l := range t.leaves {
			if l.age < 0 {
				ageless++
			} else {
				f.b.Nodes[l.node].Self += report.InMillis(l.age)
			}
		}
	}
	if ageless > 0 {
		p.Warn("%d calls have no durationMs or startedAt, so no age; they are not in the picture", ageless)
	}
}

// doubts adds warnings about the trace.
func (f *Folder) doubts(p *Result) {
	w := &f.watch
	if w.Holes > 0 {
		p.Warn("%s longer than %d intervals, %s in all: there were no polls in them, so they carry no weight",
			report.Plural(w.Holes, "gap"), holeIntervals, report.Duration(w.Window-w.Watched))
	}
	if w.Failed > 0 {
		p.Warn("%s failed; the polls around them stand for their time", report.Plural(w.Failed, "poll"))
	}
	if silent := f.silent(); len(silent) > 0 {
		p.Warn("%s never answered and is not in the picture", strings.Join(silent, ", "))
	}
	if f.back > 0 {
		p.Warn("the clock goes back before %s: traces were joined in another order, or a clock was set back", report.Plural(f.back, "poll"))
	}
	if f.undated > 0 && w.Polls > len(f.addresses) {
		p.Warn("%d snapshots have no time and carry no weight", f.undated)
	}
	if f.outside > 0 && w.Polls == 0 {
		p.Warn("none of the %d polls lies in the window", f.outside)
	}
	if f.calls.dropped > 0 {
		p.Warn("only %d calls are shown in time order; %d more were left out", maxSpans, f.calls.dropped)
	}
}

// maxSilent is the number of targets that a warning names.
const maxSilent = 10

// silent names the targets that no poll reached.
func (f *Folder) silent() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f.failed)) {
		if f.servers[name] == nil && name != "" && len(names) < maxSilent {
			names = append(names, stacks.Printable(name))
		}
	}
	return names
}
