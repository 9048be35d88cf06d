package flame

import (
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// A flight is a call that is followed from poll to poll.
type flight struct {
	id, name    string
	tool        *tool
	node        int32 // its place in the tree, 0 until it has one
	parent      *flight
	gen         int // the last poll that saw it
	parentIn    int // the last poll that saw a child of it
	first, last time.Time
	begin       time.Time     // when it began, as far as the polls tell
	age         time.Duration // by the server, in the last poll; -1 where it does not say
	length      time.Duration // the longest it was seen in flight
	children    map[string]int
	session     string
	serial      int // its number among all calls
}

// adopt gives the flight its parent, where that is in flight and not under the
// flight itself.
func (fl *flight) adopt(t *target, parentID string) {
	if fl.parent == nil && parentID != "" && fl.node == root {
		p := t.flights[parentID]
		if p != nil && p.gen == t.gen && !p.under(fl) {
			fl.parent = p
		}
	}
	if fl.parent != nil {
		fl.parent.parentIn = t.gen
	}
}

func (fl *flight) under(other *flight) bool {
	for ; fl != nil; fl = fl.parent {
		if fl == other {
			return true
		}
	}
	return false
}

// begin begins to follow a call. It began before the poll that saw it first,
// and after the one before: when, only its age can say.
func (c *calls) begin(t *target, s *snapshot.Snapshot, call *snapshot.Call) *flight {
	c.count++
	at := s.At()
	tool := c.tool(call.Name)
	fl := &flight{id: strings.Clone(call.ID), name: tool.name, tool: tool, serial: c.count, first: at, begin: at}
	if c.keep {
		fl.session = strings.Clone(call.SessionID)
	}
	before := at
	if t.last.taken && !t.next && t.last.At().Before(at) {
		before = t.last.At()
		fl.begin = before.Add(at.Sub(before) / 2)
	}
	if age, ok := s.Age(call); ok {
		fl.begin = at.Add(-age)
		if before.Before(at) && fl.begin.Before(before) {
			fl.begin = before
		}
	}
	return fl
}
