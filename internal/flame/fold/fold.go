package fold

import (
	"time"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Folder folds snapshots one by one.
type Folder struct {
	opts      Options
	b         *stacks.Builder
	servers   map[string]*server
	addresses []*server // by their first poll
	order     []*target // the processes of all servers, by their first poll
	calls     Calls
	watch     Watch
	first     time.Time       // of the trace; a relative bound counts from here
	outside   int             // polls outside the window
	failed    map[string]bool // targets of failed polls
	undated   int             // polls that have no time
	back      int             // polls that are earlier than the one before
}

// target is the state of one process of a server.
type target struct {
	server   *server
	name     string
	process  snapshot.Process
	known    bool          // process is known
	returned bool          // it answered again after another process of the server
	seen     int           // number of its last poll among those of the server
	until    time.Time     // when another process answered after its last poll
	paid     time.Duration // of the time since its last poll, which carries weight already

	last    *snapshot.Snapshot // the last poll, whose ToolCallStack is reused; nil at first
	next    bool               // the next poll is in another file
	hole    bool               // the current poll comes after a gap
	gen     int                // number of the poll
	flights map[string]*flight
	now     []*flight // in the order of the last poll
	before  []*flight // in the order of the poll before it
	leaves  []leaf    // the calls in flight that have no child in flight
	gaps    map[time.Duration]int
	credits map[credit]float64
}

// leaf is a call that carries weight, with its share of the time.
type leaf struct {
	node  int32
	share float64
	age   time.Duration // -1 if unknown
}

// NewFolder returns a Folder.
func NewFolder(o Options) *Folder {
	o.defaults()
	return &Folder{
		opts: o, b: stacks.NewBuilder(), servers: map[string]*server{},
		calls: newCalls(o), failed: map[string]bool{},
	}
}

// Next begins another file: no time passes between its polls and the earlier ones.
func (f *Folder) Next() {
	for _, t := range f.order {
		t.next = true
	}
}

// Add folds s. Failed polls carry nothing: the polls around them stand for their
// time, unless they are too far apart.
func (f *Folder) Add(s *snapshot.Snapshot) {
	at := s.At()
	if f.first.IsZero() {
		f.first = at
	}
	if !f.within(at) {
		f.outside++
		return
	}
	if f.watch.From.IsZero() {
		f.watch.From = at
	}
	if s.Failed() {
		f.watch.Failed++
		f.failed[s.Target()] = true
		return
	}
	f.watch.Polls++
	if at.IsZero() {
		f.undated++
	}
	t, before := f.answer(s)
	from := t
	if t.last == nil && before != nil {
		from = before // it may be a restart: the time in between belongs to both
	}
	g := f.gap(from, s)
	f.credit(from, gap{max(g.length-from.paid, 0), g.known})
	from.paid = 0
	if from != t {
		from.paid = g.length
	}
	f.observe(t, s)
	f.credit(t, g)
	t.last, t.next, t.seen = s, false, t.server.polls
	f.forget(t.server)
}

func (f *Folder) within(at time.Time) bool {
	from, to := f.opts.From, f.opts.To
	early := from.set && at.Before(from.time(f.first))
	late := to.set && at.After(to.time(f.first))
	return !early && !late
}

// observe records the calls in flight in s and ends those that are no longer in flight.
func (f *Folder) observe(t *target, s *snapshot.Snapshot) {
	t.gen++
	t.now, t.before = t.before[:0], t.now
	if restarted(t, s) {
		f.calls.end(f.b, t, s.At()) // all of them: ids start again
	}
	for i := range s.ToolCallStack {
		t.now = append(t.now, f.flight(t, s, &s.ToolCallStack[i]))
	}
	for i, fl := range t.now {
		fl.adopt(t, s.ToolCallStack[i].ParentID)
	}
	t.leaves = t.leaves[:0]
	for i, fl := range t.now {
		f.place(t, fl, &s.ToolCallStack[i])
		if fl.parentIn != t.gen {
			t.leaves = append(t.leaves, leaf{fl.node, 1, fl.age})
			f.b.Nodes[fl.node].Hits++
			fl.hits++
		}
	}
	f.divide(t)
	f.calls.end(f.b, t, s.At())
	f.calls.queues(t, s)
}

func restarted(t *target, s *snapshot.Snapshot) bool {
	if t.last == nil {
		return false
	}
	_, restarted := snapshot.Restarted(t.last, s)
	return restarted || s.Poll != nil && s.Poll.Restarted
}

// flight returns the state of a call. A call without an id is new in each poll,
// and so is the second of two calls with the same id.
func (f *Folder) flight(t *target, s *snapshot.Snapshot, c *snapshot.Call) *flight {
	fl := t.flights[c.ID]
	if fl == nil || fl.gen == t.gen || fl.name != c.Name {
		known := fl != nil && fl.gen == t.gen
		fl = f.calls.begin(t, s, c)
		if c.ID != "" && !known {
			t.flights[fl.id] = fl
		}
	}
	fl.gen, fl.last, fl.age = t.gen, s.At(), -1
	fl.polls++
	if age, ok := s.Age(c); ok {
		fl.age = age
		fl.length = max(fl.length, age)
	}
	fl.length = max(fl.length, fl.last.Sub(fl.first))
	return fl
}

// place inserts a new call into the tree: under its parent, or under the
// dimensions of Options.By.
func (f *Folder) place(t *target, fl *flight, c *snapshot.Call) int32 {
	if fl.node != stacks.Root {
		return fl.node
	}
	at := int32(stacks.Root)
	if fl.parent != nil {
		at = f.place(t, fl.parent, c)
	} else {
		for _, by := range f.opts.By {
			at = f.b.Under(at, by.value(t, c))
		}
	}
	fl.node = f.b.Under(at, fl.name)
	if fl.parent != nil {
		f.calls.repeated(fl)
	}
	return fl.node
}

func (d Dimension) value(t *target, c *snapshot.Call) string {
	value := c.SessionID
	switch d {
	case ByTarget:
		value = t.name
	case ByHandler:
		value = c.Handler
	case BySession:
	}
	if value == "" {
		return "(no " + string(d) + ")"
	}
	return value
}

// divide divides the time among the leaves if it is not to be added up.
func (f *Folder) divide(t *target) {
	if f.opts.Parallel != Share {
		return
	}
	for i := range t.leaves {
		t.leaves[i].share = 1 / float64(len(t.leaves))
	}
}
