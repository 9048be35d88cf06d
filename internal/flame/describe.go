package flame

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Picture returns the title, facts and warnings for a picture of p.
func (p *Profile) Picture(facts []string) picture.Picture {
	palette := picture.Hot
	if p.TwoColumns {
		palette = picture.Diff
	}
	return picture.Picture{
		Title: p.Title(), Facts: facts, Unit: p.Unit, Observed: p.Observed,
		Warnings: p.Warnings, Palette: palette,
	}
}

// Title describes the picture in a line.
func (p *Profile) Title() string {
	if p.Watch == nil {
		title := cmp.Or(p.Profile.Title, "Flame graph"+inputs(" of ", p.Inputs))
		return title + inputs(" against ", p.Base)
	}
	of := targets(p.Watch.Targets)
	switch {
	case p.Format == fold.Moment:
		return "Ages of the tool calls in flight" + of + ", one snapshot"
	case p.Watch.Weight == fold.Age:
		return "Ages of the tool calls in flight" + of + ", last snapshot"
	case p.Watch.Weight == fold.Sample:
		return "Polls that saw the tool calls" + of
	}
	return "Time in tool calls" + of
}

// inputs names an input, without its folder.
func inputs(before string, names []string) string {
	switch {
	case len(names) == 0, len(names) == 1 && names[0] == "standard input":
		return ""
	case len(names) == 1:
		return before + filepath.Base(names[0])
	}
	return before + report.Plural(len(names), "input")
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

// Facts describe the source of the picture and its certainty.
func (p *Profile) Facts(t *stacks.Tree) []string {
	var facts []string
	if p.Watch != nil {
		facts = watchFacts(p.Watch, p.Format)
	}
	facts = append(facts, p.Unit.Format(t.Total())+" in all")
	if p.Watch != nil && p.Watch.Weight == fold.Gap && p.Watch.Parallel == fold.Sum {
		facts[len(facts)-1] += ": calls at once add up"
	}
	if p.Watch == nil && p.Unit == stacks.Millis && p.Observed > 0 {
		facts = append(facts, stacks.Plural(p.Observed, "sample"))
	}
	if fact := idleFact(t); fact != "" {
		facts = append(facts, fact)
	}
	if share := p.widestError(t); share > 0 && share < 1 {
		facts = append(facts, "widest frame ±"+report.Percent(share))
	}
	return facts
}

// leastIdle is the least share of the time that is worth a mention.
const leastIdle = 0.01

// idleFact tells how much of the time the process waited, "" if hardly any.
func idleFact(t *stacks.Tree) string {
	for i := range t.Children(stacks.Root) {
		if part := stacks.Share(t.Nodes[i].Total, t.Total()); t.Name(i) == stacks.Idle && part >= leastIdle {
			return "the process was idle for " + report.Percent(part) + " of the time"
		}
	}
	return ""
}

func watchFacts(w *fold.Watch, format stacks.Format) []string {
	var facts []string
	if format == fold.Moment {
		facts = append(facts, "taken "+w.From.UTC().Format(time.DateTime)+" UTC")
	} else {
		facts = append(facts, watched(w), report.Plural(w.Polls, "poll"))
	}
	if w.Failed > 0 {
		facts = append(facts, report.Plural(w.Failed, "failed poll"))
	}
	if w.Holes > 0 {
		facts = append(facts, report.Plural(w.Holes, "gap"))
	}
	return append(facts, report.Plural(w.Calls, "call"))
}

func watched(w *fold.Watch) string {
	window := w.To.Sub(w.From)
	if w.Holes == 0 {
		return report.Duration(window) + " watched"
	}
	part := stacks.Share(float64(w.Watched), float64(w.Window))
	return fmt.Sprintf("%s of %s watched", report.Percent(part), report.Duration(window))
}

// widestError returns the sampling error of the widest frame as a share of its
// width: about one through the square root of the samples that saw it. Memory and
// objects are not sampled over time and have no such error.
func (p *Profile) widestError(t *stacks.Tree) float64 {
	widest := 0.0
	for i := range t.Children(stacks.Root) {
		widest = max(widest, t.Nodes[i].Total)
	}
	seen := p.Observed * stacks.Share(widest, t.Total())
	if seen <= 0 || p.Format == fold.Moment || !p.Unit.Sampled() {
		return 0
	}
	return 1 / math.Sqrt(seen)
}
