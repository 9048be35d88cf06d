package flame

import (
	"encoding/json"
	"io"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Result is all there is to say of a profile. Its JSON is what --format json
// writes; the frames are a list in the order of the tree.
type Result struct {
	Title     string    `json:"title"`
	Facts     []string  `json:"facts"`
	Kind      Kind      `json:"kind"`
	Unit      Unit      `json:"unit"`
	Total     float64   `json:"total"`
	Diff      bool      `json:"-"`
	BaseTotal float64   `json:"baseTotal,omitempty"`
	Samples   float64   `json:"samples"`
	Watch     *Watch    `json:"watch,omitempty"`
	Frames    []Frame   `json:"frames"`
	LeftOut   LeftOut   `json:"leftOut"`
	Gone      []Gone    `json:"gone,omitempty"`
	Findings  []Finding `json:"findings"`
	Warnings  []string  `json:"warnings"`

	Names   []sum `json:"-"` // in byte order
	KeepEnd bool  `json:"-"` // names that are too long lose their beginning
}

// Result says all there is to say of p, whose tree is t, with at most limit frames.
func (p *Profile) Result(t *Tree, limit int) *Result {
	r := &Result{
		Title: p.Title(), Facts: p.Facts(t), Kind: p.Kind, Unit: p.Unit, Total: t.Total(),
		Diff: p.TwoColumns, BaseTotal: t.BaseTotal(), Samples: p.Observed, Watch: p.Watch,
		Findings: []Finding{}, Warnings: append([]string{}, p.Warnings...), Names: t.sums(),
	}
	r.Frames, r.LeftOut = t.Frames(limit)
	r.Frames[root].Name = "all"
	if p.TwoColumns {
		r.Gone = t.Gone(maxGone)
	}
	return r
}

// JSON writes the result as JSON.
func (r *Result) JSON(w io.Writer) error {
	enc := json.NewEncoder(report.NewJSONWriter(w))
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// sum is what the frames of one name weigh together. A frame within another of
// the same name adds nothing to the total.
type sum struct {
	name        string
	self, total float64
}

func (t *Tree) sums() []sum {
	sums := make([]sum, t.names.len())
	for i := range sums {
		sums[i].name = printable(t.name(int32(i)))
	}
	open := make([]int32, t.names.len()) // frames of the name that are below the one at hand
	var path []int32
	for i := range t.chains {
		c := &t.chains[i]
		for below := max(int(c.depth)-1, 0); len(path) > below; path = path[:len(path)-1] {
			open[path[len(path)-1]]--
		}
		for _, name := range t.of(c) {
			if open[name] == 0 {
				sums[name].total += c.total
			}
			open[name]++
			path = append(path, name)
		}
		if i != root && c.count > 0 {
			sums[path[len(path)-1]].self += c.self
		}
	}
	return sums
}
