package flame

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

const (
	maxLongest = 5       // calls of a tool that are remembered by name
	maxSpans   = 200_000 // calls whose place in time is remembered
	minQueue   = 5       // calls that wait behind one, if that is to be said
	manyCalls  = 5       // of one name under one call, if that is to be said
)

// calls is what is learnt of the calls themselves, beside their place in the tree.
type calls struct {
	count   int
	stuck   time.Duration
	tools   map[string]*tool
	repeats map[int32]*repeat
	heads   map[string]*head
	keep    bool
	spans   []Span
	dropped int      // spans that were too many
	b       *builder // what the nodes in records are nodes of
}

// tool is what is learnt of the calls of one name.
type tool struct {
	name    string
	lengths histogram
	hung    int      // calls longer than stuck
	longest []record // in falling order
}

// record is a call that stands out.
type record struct {
	target, id, name string
	node             int32
	length           time.Duration
}

// repeat says how often one call makes others of the same name.
type repeat struct{ most, parents int }

// head says how long a queue stood behind a single call.
type head struct {
	polls   int
	deepest int64
	holder  record
}

func newCalls(o FoldOptions) calls {
	return calls{
		stuck: o.Stuck, keep: o.Spans,
		tools: map[string]*tool{}, repeats: map[int32]*repeat{}, heads: map[string]*head{},
	}
}

// end ends the flights of the poll before that the last one did not see.
func (c *calls) end(b *builder, t *target, at time.Time) {
	for _, fl := range t.before {
		if fl.gen != t.gen {
			if t.flights[fl.id] == fl {
				delete(t.flights, fl.id)
			}
			c.done(b, t, fl, at)
		}
	}
	t.before = t.before[:0]
}

// done takes in a call that is over.
func (c *calls) done(b *builder, t *target, fl *flight, now time.Time) {
	k := fl.tool
	k.lengths.add(fl.length)
	if fl.length > c.stuck {
		k.hung++
		b.nodes[fl.node].stuck++
	}
	k.remember(record{t.name, fl.id, fl.name, fl.node, fl.length})
	c.span(t, fl, now)
}

// tool returns what is learnt of a tool. Its name is our own copy.
func (c *calls) tool(name string) *tool {
	k := c.tools[name]
	if k == nil {
		k = &tool{name: strings.Clone(name), lengths: histogram{}}
		c.tools[k.name] = k
	}
	return k
}

func (k *tool) remember(r record) {
	if len(k.longest) == maxLongest && k.longest[maxLongest-1].length > r.length {
		return
	}
	k.longest = append(k.longest, r)
	slices.SortStableFunc(k.longest, func(a, b record) int {
		return cmp.Or(cmp.Compare(b.length, a.length), cmp.Compare(a.target, b.target), cmp.Compare(a.id, b.id))
	})
	k.longest = k.longest[:min(len(k.longest), maxLongest)]
}

// stuckTimes is how many times longer than the median of its tool a call is that hangs.
const stuckTimes = 10

// leastStuck is how long a call must be in flight at least to be called stuck:
// ten times a few milliseconds is a hiccup.
const leastStuck = time.Second

// hangs says why a call of so long a flight is stuck, "" where it is not.
func (c *calls) hangs(k *tool, length time.Duration) string {
	usual, n := k.lengths.median()
	switch {
	case length > c.stuck:
		return "longer than " + report.Duration(c.stuck)
	case n >= manyCalls && length > max(stuckTimes*usual, leastStuck):
		return "the median of its tool is " + report.Duration(usual)
	}
	return ""
}

// mark marks the places of calls that are stuck only by comparison with the others of their tool.
func (c *calls) mark(b *builder) {
	for _, k := range c.tools {
		for _, r := range k.longest {
			if r.length <= c.stuck && c.hangs(k, r.length) != "" {
				b.nodes[r.node].stuck++
			}
		}
	}
}

// repeated counts a new call under its parent.
func (c *calls) repeated(fl *flight) {
	p := fl.parent
	if p.children == nil {
		p.children = map[string]int{}
	}
	p.children[fl.name]++
	n := p.children[fl.name]
	if n < manyCalls || p.node == root {
		return
	}
	r := c.repeats[fl.node]
	if r == nil {
		r = &repeat{}
		c.repeats[fl.node] = r
	}
	r.most = max(r.most, n)
	if n == manyCalls {
		r.parents++
	}
}

// queues looks for queues that stand behind a single call.
func (c *calls) queues(t *target, s *snapshot.Snapshot) {
	for name, depth := range s.HandlerQueue {
		if depth < minQueue {
			continue
		}
		holder := t.only(name, s)
		if holder == nil {
			continue
		}
		h := c.heads[name]
		if h == nil {
			h = &head{}
			c.heads[strings.Clone(name)] = h
		}
		h.polls++
		h.deepest = max(h.deepest, depth)
		if holder.length >= h.holder.length {
			h.holder = record{t.name, holder.id, holder.name, holder.node, holder.length}
		}
	}
}

// only returns the one call in flight that a queue waits for, nil where there
// is none or several.
func (t *target) only(queue string, s *snapshot.Snapshot) *flight {
	var holder *flight
	for i, fl := range t.now {
		if fl.name != queue && s.ToolCallStack[i].Handler != queue {
			continue
		}
		if holder != nil {
			return nil
		}
		holder = fl
	}
	return holder
}

// histogram counts durations by their size, each class 5 % wide.
type histogram map[int]int

const classWidth = 1.05

func (h histogram) add(d time.Duration) {
	h[int(math.Round(math.Log(max(millis(d), 0.001))/math.Log(classWidth)))]++
}

// median returns the middle of the class that the median is in, and of how many durations.
func (h histogram) median() (d time.Duration, n int) {
	for _, count := range h {
		n += count
	}
	seen := 0
	classes := make([]int, 0, len(h))
	for class := range h {
		classes = append(classes, class)
	}
	slices.Sort(classes)
	for _, class := range classes {
		if seen += h[class]; 2*seen >= n {
			return time.Duration(math.Pow(classWidth, float64(class)) * float64(time.Millisecond)), n
		}
	}
	return 0, n
}
