package fold

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

const (
	maxLongest = 5       // calls of a tool that are remembered one by one
	maxSpans   = 200_000 // calls whose place in time is remembered
	minQueue   = 5       // waiting calls that make a queue worth reporting
	manyCalls  = 5       // calls of one name under one call that are worth reporting
)

// Calls holds the facts about single calls, beside their place in the tree.
type Calls struct {
	Spans []Span // only with Options.Spans

	count   int
	stuck   time.Duration
	tools   map[string]*tool
	open    []record // never ended
	repeats map[int32]*repeat
	queued  map[string]*queue

	openHits map[int32]uint32 // of calls that never ended, by node

	keep    bool
	dropped int             // spans that were too many
	b       *stacks.Builder // the tree of the nodes in records
}

// tool holds the facts about the calls of one name.
type tool struct {
	name    string
	lengths histogram
	longest []record // in falling order
}

// record is one of the longest calls.
type record struct {
	target, id, name string
	node             int32
	length           time.Duration
}

// repeat counts the calls of one name that one call makes.
type repeat struct{ most, parents int }

// queue is a queue that stood behind a single call.
type queue struct {
	polls   int
	deepest int64
	holder  record
}

func newCalls(o Options) Calls {
	return Calls{
		stuck: o.Stuck, keep: o.Spans,
		tools: map[string]*tool{}, openHits: map[int32]uint32{}, repeats: map[int32]*repeat{}, queued: map[string]*queue{},
	}
}

// end ends the calls that the last poll no longer saw.
func (c *Calls) end(b *stacks.Builder, t *target, at time.Time) {
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

// done records a call that has ended.
func (c *Calls) done(b *stacks.Builder, t *target, fl *flight, now time.Time) {
	k := fl.tool
	k.lengths.add(fl.length)
	if fl.length > c.stuck {
		b.Nodes[fl.node].Stuck++
	}
	k.remember(record{t.name, fl.id, fl.name, fl.node, fl.length})
	c.span(t, fl, now)
}

// tool returns the record of a tool.
func (c *Calls) tool(name string) *tool {
	k := c.tools[name]
	if k == nil {
		k = &tool{name: name, lengths: histogram{}}
		c.tools[k.name] = k
	}
	return k
}

func (k *tool) remember(r record) {
	if len(k.longest) == maxLongest && k.longest[maxLongest-1].length > r.length {
		return
	}
	k.longest = sortedRecords(append(k.longest, r))
	k.longest = k.longest[:min(len(k.longest), maxLongest)]
}

// sortedRecords sorts records, the longest first.
func sortedRecords(list []record) []record {
	slices.SortStableFunc(list, func(a, b record) int {
		return cmp.Or(cmp.Compare(b.length, a.length), cmp.Compare(a.target, b.target), cmp.Compare(a.id, b.id))
	})
	return list
}

// A call is stuck if it takes stuckTimes the median of its tool, and leastStuck at
// least: ten times a few milliseconds is a hiccup.
const (
	stuckTimes = 10
	leastStuck = time.Second
)

// whyStuck returns the reason why a call of this length is stuck, "" if it is not.
func (c *Calls) whyStuck(k *tool, length time.Duration) string {
	usual, n := k.lengths.median()
	switch {
	case length > c.stuck:
		return "longer than " + report.Duration(c.stuck)
	case n >= manyCalls && length > max(stuckTimes*usual, leastStuck):
		return "the median of its tool is " + report.Duration(usual)
	}
	return ""
}

// mark marks the places of calls that are stuck by comparison with others of their tool.
func (c *Calls) mark(b *stacks.Builder) {
	for _, k := range c.tools {
		for _, r := range k.longest {
			if r.length <= c.stuck && c.whyStuck(k, r.length) != "" {
				b.Nodes[r.node].Stuck++
			}
		}
	}
}

// repeated counts a new call under its parent.
func (c *Calls) repeated(fl *flight) {
	p := fl.parent
	if p.children == nil {
		p.children = map[string]int{}
	}
	p.children[fl.name]++
	n := p.children[fl.name]
	if n < manyCalls || p.node == stacks.Root {
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

// queues records queues that stand behind a single call.
func (c *Calls) queues(t *target, s *snapshot.Snapshot) {
	for name, depth := range s.HandlerQueue {
		if depth < minQueue {
			continue
		}
		holder := t.holder(name, s)
		if holder == nil {
			continue
		}
		q := c.queued[name]
		if q == nil {
			q = &queue{}
			c.queued[name] = q
		}
		q.polls++
		q.deepest = max(q.deepest, depth)
		if holder.length >= q.holder.length {
			q.holder = record{t.name, holder.id, holder.name, holder.node, holder.length}
		}
	}
}

// holder returns the single call in flight that a queue waits for, nil if there is
// none or several.
func (t *target) holder(queue string, s *snapshot.Snapshot) *flight {
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
	h[int(math.Round(math.Log(max(report.InMillis(d), 0.001))/math.Log(classWidth)))]++
}

// median returns the middle of the class of the median, and the number of durations.
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
