package fold

import (
	"maps"
	"slices"
	"time"
)

// Repeat is a call that made many calls of one name.
type Repeat struct {
	Path    []string // to the repeated call
	Most    int      // calls of one parent
	Parents int      // calls that made many
}

// Repeats lists the calls that others made many times.
func (c *Calls) Repeats() []Repeat {
	var list []Repeat
	for _, n := range slices.Sorted(maps.Keys(c.repeats)) {
		r := c.repeats[n]
		list = append(list, Repeat{c.b.Path(n), r.most, r.parents})
	}
	return list
}

// StuckCall is a call that did not return, or took far longer than others.
type StuckCall struct {
	Path     []string
	ID, Name string
	Length   time.Duration
	Why      string
}

// Stuck lists the longest calls of each tool that are stuck.
func (c *Calls) Stuck() []StuckCall {
	var list []StuckCall
	for _, name := range slices.Sorted(maps.Keys(c.tools)) {
		for _, r := range c.tools[name].longest {
			if why := c.whyStuck(c.tools[name], r.length); why != "" {
				list = append(list, StuckCall{c.b.Path(r.node), r.id, r.name, r.length, why})
			}
		}
	}
	return list
}

// Queue is a queue that stood behind a single call.
type Queue struct {
	Handler  string
	Polls    int // that saw it
	Deepest  int64
	ID, Name string // of the call that held it for longest
	Length   time.Duration
}

// Queues lists the queues that stood behind a single call.
func (c *Calls) Queues() []Queue {
	var list []Queue
	for _, name := range slices.Sorted(maps.Keys(c.queued)) {
		q := c.queued[name]
		list = append(list, Queue{name, q.polls, q.deepest, q.holder.id, q.holder.name, q.holder.length})
	}
	return list
}
