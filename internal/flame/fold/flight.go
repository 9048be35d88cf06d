package fold

import (
	"time"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// flight is a call that is followed from poll to poll.
type flight struct {
	id, name    string
	tool        *tool
	node        int32 // its place in the tree, 0 if it has none yet
	parent      *flight
	gen         int    // the last poll that saw it
	parentIn    int    // the last poll that saw a child of the call
	polls       int    // that saw it
	hits        uint32 // polls that saw it without a child
	first, last time.Time
	begin       time.Time     // estimated from the polls and the age
	age         time.Duration // as the server reports it in the last poll; -1 if it does not
	length      time.Duration // the longest observed time in flight
	children    map[string]int
	session     string
	serial      int // number among all calls
}

// adopt sets the parent of the call, if that is in flight and not a descendant of
// the call itself.
func (fl *flight) adopt(t *target, parentID string) {
	if fl.parent == nil && parentID != "" && fl.node == stacks.Root {
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

// begin starts to follow a call. The call began between the first poll that saw
// it and the poll before; its age tells when.
func (c *Calls) begin(t *target, s *snapshot.Snapshot, call *snapshot.Call) *flight {
	c.count++
	at := s.At()
	tool := c.tool(call.Name)
	fl := &flight{id: call.ID, name: tool.name, tool: tool, serial: c.count, first: at, begin: at}
	if c.keep {
		fl.session = call.SessionID
	}
	before := at
	if t.last != nil && !t.next && t.last.At().Before(at) {
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
