package spans

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Span is a piece of work with a begin and an end.
type Span struct {
	Trace, ID, Parent string // Parent is "" for the root of a trace
	Name              string
	Failed            bool
	Open              bool  // the file does not end it
	Begin, End        int64 // ns; a float has no room for the time since 1970

	order int // of the event that began it
}

// Recording is the content of a file.
type Recording struct {
	Spans  []Span
	Cut    bool              // the file ends within them, as that of a program that was killed
	Chunks []json.RawMessage // events with the samples of CPU profiles
}

// maxDepth bounds the levels of nested spans.
const maxDepth = 10_000

// Profile nests spans by parent. The weight of a span is the time in which none of
// its children ran; children that run at once share nothing, so a whole can be
// more than the time that passed.
func Profile(format stacks.Format, r *Recording) (*stacks.Profile, error) {
	if len(r.Spans) == 0 {
		return nil, errors.New("it contains no spans")
	}
	n := nester{Profile: stacks.NewProfile(format, stacks.Millis), spans: r.Spans, children: map[int][]int{}}
	n.link()
	for _, root := range n.roots {
		n.add(stacks.Root, root, 0)
	}
	n.orphans()
	if r.Cut {
		n.Warn("the file is cut off, and what it held after %s is lost", stacks.Plural(float64(len(r.Spans)), "span"))
	}
	if n.twice > 0 {
		n.Warn("%s recorded more than once, as an exporter does that repeats a request, and counted once", stacks.Plural(float64(n.twice), "span"))
	}
	if n.open > 0 {
		n.Warn("%s not ended in the file; they end with its last event", stacks.Plural(float64(n.open), "span"))
	}
	if n.failed > 0 {
		n.Warn("%s with an error, marked (error)", stacks.Plural(float64(n.failed), "span"))
	}
	return n.Profile, nil
}

// nester puts spans into the tree.
type nester struct {
	*stacks.Profile
	spans    []Span
	roots    []int
	children map[int][]int
	seen     []bool
	twice    int // spans that occur before
	failed   int
	open     int
	missing  int // spans whose parent is not in the file
	inverted int // spans that end before they begin
}

// link finds the parent of each span within its trace.
func (n *nester) link() {
	type key struct{ trace, id string }
	index := map[key]int{}
	n.seen = make([]bool, len(n.spans))
	for i := range n.spans {
		s := &n.spans[i]
		k := key{s.Trace, s.ID}
		if first, ok := index[k]; ok && s.ID != "" && *s == n.spans[first] {
			n.seen[i] = true
			n.twice++
			continue
		}
		index[k] = i
	}
	for i := range n.spans {
		if n.seen[i] {
			continue
		}
		s := &n.spans[i]
		n.count(s)
		if s.End < s.Begin {
			s.End = s.Begin
			n.inverted++
		}
		parent, ok := index[key{s.Trace, s.Parent}]
		switch {
		case s.Parent == "" || ok && parent == i:
			n.roots = append(n.roots, i)
		case !ok:
			n.missing++
			n.roots = append(n.roots, i)
		default:
			n.children[parent] = append(n.children[parent], i)
		}
	}
}

// count counts a span that failed, or was not ended.
func (n *nester) count(s *Span) {
	if s.Failed {
		n.failed++
	}
	if s.Open {
		n.open++
	}
}

func (n *nester) add(at int32, i, depth int) {
	if n.seen[i] || depth > maxDepth {
		return
	}
	n.seen[i] = true
	s := &n.spans[i]
	at = n.Under(at, s.label())
	n.Nodes[at].Self += float64(n.own(i)) / 1e6
	for _, child := range n.children[i] {
		n.add(at, child, depth+1)
	}
}

// label returns the name of the frame.
func (s *Span) label() string {
	name := s.Name
	if name == "" {
		name = "(unnamed)"
	}
	if s.Failed {
		name += " (error)"
	}
	return name
}

// own returns the time of a span in which none of its children ran.
func (n *nester) own(i int) int64 {
	s := &n.spans[i]
	type interval struct{ begin, end int64 }
	var busy []interval
	for _, c := range n.children[i] {
		child := &n.spans[c]
		if begin, end := max(child.Begin, s.Begin), min(child.End, s.End); begin < end {
			busy = append(busy, interval{begin, end})
		}
	}
	slices.SortFunc(busy, func(a, b interval) int { return cmp.Compare(a.begin, b.begin) })
	own, until := s.End-s.Begin, s.Begin
	for _, b := range busy {
		if b.end > until {
			own -= b.end - max(b.begin, until)
			until = b.end
		}
	}
	return max(own, 0)
}

// orphans warns about spans whose place is not certain.
func (n *nester) orphans() {
	if n.missing > 0 {
		n.Warn("%s with a parent that is not in the file stand at the root", stacks.Plural(float64(n.missing), "span"))
	}
	if n.inverted > 0 {
		n.Warn("%s end before they begin and carry no weight", stacks.Plural(float64(n.inverted), "span"))
	}
	cyclic := 0
	for _, seen := range n.seen {
		if !seen {
			cyclic++
		}
	}
	if cyclic > 0 {
		n.Warn("%s are their own ancestors, or nested too deep, and were left out", stacks.Plural(float64(cyclic), "span"))
	}
}

// mcpName returns the frame of a span by its attributes: the semantic conventions of
// MCP name the method, and the tool, prompt or resource that it is about.
func mcpName(name string, attribute func(key string) string) string {
	method := attribute("mcp.method.name")
	if method == "" {
		return name
	}
	subject := ""
	for _, key := range []string{"gen_ai.tool.name", "mcp.tool.name", "gen_ai.prompt.name", "mcp.prompt.name", "mcp.resource.uri"} {
		if subject == "" {
			subject = attribute(key)
		}
	}
	full := strings.TrimSpace(fmt.Sprintf("%s %s", method, subject))
	if name == "" || strings.HasPrefix(full, name) {
		return full
	}
	return name
}

// mcpFailed reports whether the attributes of a span tell that it failed.
func mcpFailed(attribute func(key string) string) bool {
	kind := attribute("error.type")
	return kind != "" && kind != "false" || attribute("error") == "true"
}

// nanoseconds converts microseconds, which may have a fraction.
func nanoseconds(micros float64) int64 {
	if !(micros > -maxMicros && micros < maxMicros) {
		return 0
	}
	whole, part := math.Modf(micros) // a float has no room for the nanoseconds since 1970
	return int64(whole)*1000 + int64(math.Round(part*1e3))
}

const maxMicros = 9e15
