package flame

import (
	"iter"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Fold makes stacks of snapshots, in the order in which they come.
func Fold(snapshots iter.Seq2[*snapshot.Snapshot, error], o FoldOptions) (*Profile, error) {
	f := NewFolder(o)
	for s, err := range snapshots {
		if err != nil {
			return nil, err
		}
		f.Add(s)
	}
	return f.Close(), nil
}

// Folder folds snapshots one by one. What it remembers is the calls in flight
// and the tree, not the trace.
type Folder struct {
	opts    FoldOptions
	b       *builder
	targets map[string]*target
	order   []*target // as they came
	calls   calls
	watch   Watch
	outside int // polls outside of the window
	undated int // polls that have no time
	back    int // polls before the poll before
}

// target is what is remembered of one server.
type target struct {
	name    string
	last    lastPoll
	next    bool // the next poll is in another file
	hole    bool // nobody watched before the poll at hand
	polls   int
	gen     int // the number of the poll, for what was seen in it
	flights map[string]*flight
	now     []*flight // as they stand in the last poll
	before  []*flight // and in the one before it
	leaves  []leaf    // those of them without a child
	gaps    map[time.Duration]int
	credits map[credit]float64
}

// A leaf is a call that carries weight, and how much of the time is its own.
type leaf struct {
	node  int32
	share float64
	age   time.Duration // -1 where it is not known
}

// NewFolder returns a Folder.
func NewFolder(o FoldOptions) *Folder {
	o.defaults()
	return &Folder{
		opts: o, b: newBuilder(), targets: map[string]*target{},
		calls: newCalls(o),
	}
}

// Next says that what follows is another file: no time passes between its
// polls and the ones before.
func (f *Folder) Next() {
	for _, t := range f.order {
		t.next = true
	}
}

// Add folds s. Polls that failed leave no mark: the polls around them stand
// for their time, unless they are too far apart.
func (f *Folder) Add(s *snapshot.Snapshot) {
	at := s.At()
	if f.watch.From.IsZero() {
		f.watch.From = at
	}
	if !f.within(at) {
		f.outside++
		return
	}
	if s.Failed() {
		f.watch.Failed++
		return
	}
	f.watch.Polls++
	if at.IsZero() {
		f.undated++
	}
	t := f.target(s.Target())
	g := f.gap(t, s)
	f.credit(t, g)
	f.see(t, s)
	f.credit(t, g)
	t.last.take(s)
	t.next = false
}

func (f *Folder) within(at time.Time) bool {
	from, to := f.opts.From, f.opts.To
	early := from.set && at.Before(from.time(f.watch.From))
	late := to.set && at.After(to.time(f.watch.From))
	return !early && !late
}

func (f *Folder) target(name string) *target {
	t := f.targets[name]
	if t == nil {
		name = strings.Clone(name) // what a snapshot says is not ours to keep
		t = &target{
			name: name, flights: map[string]*flight{},
			gaps: map[time.Duration]int{}, credits: map[credit]float64{},
		}
		f.targets[name] = t
		f.order = append(f.order, t)
	}
	t.polls++
	return t
}

// see takes in who is in flight in s, and ends the calls that no longer are.
func (f *Folder) see(t *target, s *snapshot.Snapshot) {
	t.gen++
	t.now, t.before = t.before[:0], t.now
	if restarted(t, s) {
		f.calls.end(f.b, t, s.At()) // all: an id means another call now
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
			f.b.nodes[fl.node].hits++
		}
	}
	f.shareOut(t)
	f.calls.end(f.b, t, s.At())
	f.calls.queues(t, s)
}

func restarted(t *target, s *snapshot.Snapshot) bool {
	if !t.last.taken {
		return false
	}
	_, restarted := snapshot.Restarted(&t.last.Snapshot, s)
	return restarted || s.Poll != nil && s.Poll.Restarted
}

// flight returns what is known of a call. A call without an id is new in each
// poll, and so is the second of two that have the same.
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
	if age, ok := s.Age(c); ok {
		fl.age = age
		fl.length = max(fl.length, age)
	}
	fl.length = max(fl.length, fl.last.Sub(fl.first))
	return fl
}

// place puts a call that is new into the tree: under its parent, or under the
// dimensions that were asked for.
func (f *Folder) place(t *target, fl *flight, c *snapshot.Call) int32 {
	if fl.node != root {
		return fl.node
	}
	at := int32(root)
	if fl.parent != nil {
		at = f.place(t, fl.parent, c)
	} else {
		for _, by := range f.opts.By {
			at = f.b.child(at, by.of(t, c))
		}
	}
	fl.node = f.b.child(at, fl.name)
	if fl.parent != nil {
		f.calls.repeated(fl)
	}
	return fl.node
}

func (d Dimension) of(t *target, c *snapshot.Call) string {
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

// shareOut divides the time among the leaves, where it is not to be added up.
func (f *Folder) shareOut(t *target) {
	if f.opts.Parallel != Share {
		return
	}
	for i := range t.leaves {
		t.leaves[i].share = 1 / float64(len(t.leaves))
	}
}
