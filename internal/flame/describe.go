package flame

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Picture says what the picture of p is to say beside the frames.
func (p *Profile) Picture(t *Tree) Picture {
	palette := Hot
	if p.TwoColumns {
		palette = Diff
	}
	return Picture{
		Title: p.Title(), Facts: p.Facts(t), Unit: p.Unit, Observed: p.Observed,
		Warnings: p.Warnings, Palette: palette,
	}
}

// Title says in a line what the picture shows.
func (p *Profile) Title() string {
	if p.Watch == nil {
		title := cmp.Or(p.title, "Flame graph"+inputs(" of ", p.Inputs))
		return title + inputs(" against ", p.Base)
	}
	of := targets(p.Watch.Targets)
	switch {
	case p.Kind == Moment:
		return "Ages of the tool calls in flight" + of + ", one snapshot"
	case p.Watch.Weight == Age:
		return "Ages of the tool calls in flight" + of + ", last snapshot"
	case p.Watch.Weight == Sample:
		return "Polls that saw the tool calls" + of
	}
	return "Time in tool calls" + of
}

// inputs names a file, without the folder that it is in.
func inputs(before string, names []string) string {
	switch {
	case len(names) == 0, len(names) == 1 && names[0] == "standard input":
		return ""
	case len(names) == 1:
		return before + filepath.Base(names[0])
	}
	return before + count(len(names), "input")
}

func targets(names []string) string {
	names = slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "" })
	switch len(names) {
	case 0:
		return ""
	case 1:
		host := names[0]
		if _, after, found := strings.Cut(host, "://"); found {
			host, _, _ = strings.Cut(after, "/")
		}
		return " of " + host
	}
	return fmt.Sprintf(" of %d servers", len(names))
}

// Facts say what the picture was made from, and how far it can be trusted.
func (p *Profile) Facts(t *Tree) []string {
	var facts []string
	if p.Watch != nil {
		facts = p.Watch.facts(p.Kind)
	}
	facts = append(facts, p.Unit.Format(t.Total())+" in all")
	if p.Watch != nil && p.Watch.Weight == Gap && p.Watch.Parallel == Sum {
		facts[len(facts)-1] += ": calls at once add up"
	}
	if p.Watch == nil && p.Unit != Samples && p.Observed > 0 {
		facts = append(facts, plural(p.Observed, "sample"))
	}
	if share := t.widestError(p); share > 0 && share < 1 {
		facts = append(facts, "widest frame ±"+report.Percent(share))
	}
	return facts
}

func (w *Watch) facts(kind Kind) []string {
	var facts []string
	if kind == Moment {
		facts = append(facts, "taken "+w.From.UTC().Format(time.DateTime)+" UTC")
	} else {
		facts = append(facts, w.watched(), count(w.Polls, "poll"))
	}
	if w.Failed > 0 {
		facts = append(facts, count(w.Failed, "failed poll"))
	}
	if w.Holes > 0 {
		facts = append(facts, count(w.Holes, "gap"))
	}
	return append(facts, count(w.Calls, "call"))
}

func (w *Watch) watched() string {
	window := w.To.Sub(w.From)
	if w.Holes == 0 {
		return report.Duration(window) + " watched"
	}
	part := share(float64(w.Watched), float64(w.Window))
	return fmt.Sprintf("%s of %s watched", report.Percent(part), report.Duration(window))
}

func count(n int, noun string) string { return plural(float64(n), noun) }

// widestError is the sampling error of the widest frame as a share of its
// width: about one through the square root of the samples that saw it.
func (t *Tree) widestError(p *Profile) float64 {
	widest := 0.0
	for _, c := range t.chains[1:] {
		if c.depth == 1 {
			widest = max(widest, c.total)
		}
	}
	seen := p.Observed * share(widest, t.Total())
	if seen <= 0 || p.Kind == Moment {
		return 0
	}
	return 1 / math.Sqrt(seen)
}
