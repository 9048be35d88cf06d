package flame

import (
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Close ends the calls that are in flight still and returns what was folded.
func (f *Folder) Close() *Profile {
	p := &Profile{Kind: Trace, Unit: Millis, Watch: &f.watch, builder: f.b}
	for _, by := range f.opts.By {
		p.Dims = append(p.Dims, string(by))
	}
	for _, t := range f.order {
		f.settle(t)
		t.gen++ // so that nobody is in flight
		t.before = t.now
		f.calls.end(f.b, t, t.last.At())
	}
	f.weigh(p)
	f.calls.order()
	f.calls.mark(f.b)
	f.watch.Calls, f.watch.Weight, f.watch.Parallel = f.calls.count, f.opts.Weight, f.opts.Parallel
	for _, t := range f.order {
		f.watch.Targets = append(f.watch.Targets, t.name)
	}
	slices.Sort(f.watch.Targets)
	for _, n := range f.b.nodes {
		p.Observed += float64(n.hits)
	}
	f.calls.b = f.b
	p.calls = &f.calls
	f.doubts(p)
	return p
}

// weigh gives the weights that are not time between polls.
func (f *Folder) weigh(p *Profile) {
	single := f.watch.Polls == len(f.order)
	undated := !single && f.watch.Window == 0
	switch {
	case f.opts.Weight == Sample, f.opts.Weight == Gap && undated:
		if f.opts.Weight == Gap {
			p.warn("the polls have no times that differ; widths are numbers of polls, not time")
		}
		f.opts.Weight, p.Unit = Sample, Samples
		for i := range f.b.nodes {
			f.b.nodes[i].self = float64(f.b.nodes[i].hits)
		}
	case f.opts.Weight == Age, single:
		f.opts.Weight = Age
		f.ages(p)
		if !single {
			p.warn("ages are those of the last poll of each target: ages of one call in several polls cannot be added up")
		} else {
			p.Kind = Moment
		}
	}
}

// ages weighs the calls of each target's last poll by how old they are.
func (f *Folder) ages(p *Profile) {
	ageless := 0
	for _, t := range f.order {
		for _, l := range t.leaves {
			if l.age < 0 {
				ageless++
			} else {
				f.b.nodes[l.node].self += millis(l.age)
			}
		}
	}
	if ageless > 0 {
		p.warn("%d calls have no durationMs or startedAt, so no age; they are not in the picture", ageless)
	}
}

// doubts says what to bear in mind when reading the picture.
func (f *Folder) doubts(p *Profile) {
	w := &f.watch
	if w.Holes > 0 {
		p.warn("%s longer than %d intervals, %s in all: nobody watched then, so it carries no weight",
			count(w.Holes, "gap"), holeIntervals, report.Duration(w.Window-w.Watched))
	}
	if w.Failed > 0 {
		p.warn("%s failed; the polls around them stand for their time", count(w.Failed, "poll"))
	}
	if f.back > 0 {
		p.warn("the clock goes back before %s: traces were joined out of order, or a clock was set back", count(f.back, "poll"))
	}
	if f.undated > 0 && w.Polls > len(f.order) {
		p.warn("%d snapshots have no time and carry no weight", f.undated)
	}
	if f.outside > 0 && w.Polls == 0 {
		p.warn("none of the %d polls lies in the window", f.outside)
	}
	if f.calls.dropped > 0 {
		p.warn("only %d calls are shown in time order; %d more were left out", maxSpans, f.calls.dropped)
	}
}
