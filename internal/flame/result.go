package flame

import (
	"fmt"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/flame/rules"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Result is everything about a profile. Its JSON is the output of --format json; the
// frames are a list in the order of the tree.
type Result struct {
	Title     string          `json:"title"`
	Facts     []string        `json:"facts"`
	Kind      stacks.Format   `json:"kind"`
	Unit      stacks.Unit     `json:"unit"`
	Total     float64         `json:"total"`
	Diff      bool            `json:"-"`
	BaseTotal float64         `json:"baseTotal,omitempty"`
	Samples   float64         `json:"samples"`
	Watch     *fold.Watch     `json:"watch,omitempty"`
	Frames    []picture.Frame `json:"frames"`
	LeftOut   picture.LeftOut `json:"leftOut"`
	Gone      []picture.Gone  `json:"gone,omitempty"`
	Findings  []rules.Finding `json:"findings"`
	Warnings  []string        `json:"warnings"`

	FailOn  []string `json:"-"` // rules whose findings make the run fail, or "any"
	Names   []sum    `json:"-"` // in the order of the profile
	KeepEnd bool     `json:"-"` // names that are too long lose their beginning
	Columns int      `json:"-"` // of the text, 0 if unknown

	idle   string            // the time in which the process waited
	places map[string]string // file and line of functions
}

// Result returns the result for p, whose tree is t, without the frames.
func (p *Profile) Result(t *stacks.Tree) *Result {
	return &Result{
		Title: p.Title(), Facts: p.Facts(t), Kind: p.Format, Unit: p.Unit, Total: t.Total(),
		Diff: p.TwoColumns, BaseTotal: t.BaseTotal(), Samples: p.Observed, Watch: p.Watch,
		Findings: []rules.Finding{}, Warnings: append([]string{}, p.Warnings...),
		idle: idleFact(t), places: p.Places,
	}
}

// AddFrames adds the widest frames of t, at most limit, and the sums by name.
func (r *Result) AddFrames(t *stacks.Tree, limit int) {
	r.Frames, r.LeftOut = picture.Frames(t, limit)
	r.Frames[0].Name = "all"
	r.Names = sums(t)
	if r.Diff {
		r.Gone = picture.Vanished(t, picture.MaxGone)
	}
}

// fails reports whether a finding of a rule makes the run fail.
func (r *Result) fails(rule string) bool {
	return slices.Contains(r.FailOn, rule) || slices.Contains(r.FailOn, "any")
}

// Report implements finding.Result. A finding is a failure only on request.
func (r *Result) Report() *finding.Report {
	out := &finding.Report{
		Command: "mcpdiag flame", Verdict: "clean", Headline: r.Title + ": nothing stands out",
		Severity: finding.Pass, Warnings: r.Warnings,
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		severity := finding.Warn
		if r.fails(f.Rule) {
			severity, out.Outcome = finding.Fail, finding.Found
		}
		out.Findings = append(out.Findings, f.Finding(severity))
	}
	if n := len(out.Findings); n > 0 {
		out.Verdict, out.Severity = "findings", finding.Worst(out.Findings)
		out.Headline = fmt.Sprintf("%s: %s", r.Title, report.Plural(n, "finding"))
	}
	if r.idle != "" {
		out.Headline += "; " + r.idle
	}
	return out
}

// sum is the weight of all frames with one name. A frame within another of the
// same name adds nothing to the total.
type sum struct {
	name        string
	self, total float64
}

func sums(t *stacks.Tree) []sum {
	sums := make([]sum, len(t.Names))
	for i, name := range t.Names {
		sums[i].name = stacks.Printable(name)
	}
	open := make([]int32, len(t.Names)) // frames with a name on the path
	var path []int32
	for i := 1; i < len(t.Nodes); i++ {
		n := &t.Nodes[i]
		for ; len(path) >= int(n.Depth); path = path[:len(path)-1] {
			open[path[len(path)-1]]--
		}
		if open[n.Name] == 0 {
			sums[n.Name].total += n.Total
		}
		open[n.Name]++
		path = append(path, n.Name)
		sums[n.Name].self += n.Self
	}
	return sums
}
