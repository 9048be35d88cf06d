package flame

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Sandwich is one function with its callers and callees. A stack counts once, at the
// outermost frame of the function.
type Sandwich struct {
	Name    string      `json:"name"`
	Unit    stacks.Unit `json:"unit"`
	Whole   float64     `json:"whole"` // of the profile
	Total   float64     `json:"total"` // of the stacks with the function
	Self    float64     `json:"self"`
	Callers []Neighbour `json:"callers"`
	Callees []Neighbour `json:"callees"`

	all              *stacks.Tree
	callers, callees *stacks.Builder // the trees below and above the function
	order            stacks.Order
}

// Neighbour is a direct caller or callee.
type Neighbour struct {
	Name  string  `json:"name"`
	Total float64 `json:"total"`
}

// Sandwich returns the callers and callees of a function, by the name that outputs show.
func (p *Profile) Sandwich(name string) (*Sandwich, error) {
	name, shown := p.shownNames(name)
	if !slices.Contains(shown, name) {
		return nil, fmt.Errorf("no frame is called %.80q%s; --format text lists the names", name, alike(name, shown))
	}
	s := &Sandwich{
		Name: name, Unit: p.Unit, Whole: p.Weight(), all: p.Tree(), order: p.Order,
		callers: p.emptied(), callees: p.emptied(),
	}
	callers, callees := map[string]float64{}, map[string]float64{}
	for n, stack := range s.all.Stacks() {
		at := slices.IndexFunc(stack, func(id int32) bool { return shown[id] == name })
		if at < 0 || n.Self == 0 {
			continue
		}
		s.Total += n.Self
		if at > 0 {
			callers[shown[stack[at-1]]] += n.Self
		}
		if at+1 < len(stack) {
			callees[shown[stack[at+1]]] += n.Self
		} else {
			s.Self += n.Self
		}
		below := slices.Clone(stack[:at])
		slices.Reverse(below)
		s.callers.Add(below, n.Self)
		s.callees.Add(stack[at+1:], n.Self)
		if err := checkMerged(s.callers, maxMerged); err != nil {
			return nil, err
		}
	}
	s.Callers, s.Callees = neighbours(callers), neighbours(callees)
	return s, nil
}

// shownNames returns the names as outputs show them, and name in that form: the file and
// line that the text adds to it removed.
func (p *Profile) shownNames(name string) (string, []string) {
	shown := make([]string, len(p.Names))
	for id, n := range p.Names {
		shown[id] = stacks.Printable(picture.Shown(&picture.Frame{Name: n}))
		if place := p.Places[n]; place != "" && name == shown[id]+" "+stacks.Printable(place) {
			name = shown[id]
		}
	}
	return stacks.Printable(picture.Shown(&picture.Frame{Name: name})), shown
}

// alike suggests names that contain a part, at most three.
func alike(part string, names []string) string {
	const most = 3
	var list []string
	for _, name := range names {
		if strings.Contains(name, part) && len(list) < most {
			list = append(list, fmt.Sprintf("%.80q", name))
		}
	}
	if len(list) == 0 {
		return report.DidYouMean(report.Closest(part, names))
	}
	return ", but " + strings.Join(list, ", ")
}

// neighbours lists names by weight.
func neighbours(weights map[string]float64) []Neighbour {
	list := []Neighbour{}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		list = append(list, Neighbour{name, weights[name]})
	}
	slices.SortStableFunc(list, func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// SVG draws the function with its callees above and its callers below.
func (s *Sandwich) SVG(w io.Writer, p picture.Picture, maxFrames int) error {
	return picture.Sandwich(w, s.all, s.Name, s.callers.Tree(s.order), s.callees.Tree(s.order), p, maxFrames)
}

// Text writes the direct callers and callees for a terminal.
func (s *Sandwich) Text(w io.Writer, paint report.Painter, columns int) error {
	t := &textWriter{w: w, paint: paint, columns: max(columns, 60)}
	t.line(paint.Paint(report.Bold, stacks.Printable(s.Name)))
	t.line(paint.Paint(report.Faint, fmt.Sprintf("%s, %s of all; %s itself",
		s.Unit.Format(s.Total), report.Percent(stacks.Share(s.Total, s.Whole)), s.Unit.Format(s.Self))))
	for _, part := range []struct {
		title string
		list  []Neighbour
	}{{"Called by", s.Callers}, {"Calls", s.Callees}} {
		t.line("")
		t.line(paint.Paint(report.Bold, part.title))
		table := report.Table{Right: map[int]bool{0: true, 1: true}, Indent: "  "}
		for _, n := range part.list {
			table.Row(s.Unit.Format(n.Total), report.Percent(stacks.Share(n.Total, s.Total)), report.Cell(n.Name, t.columns-26))
		}
		if len(part.list) == 0 {
			table.Row("", "", "nothing")
		}
		t.table(&table)
	}
	return t.err
}
