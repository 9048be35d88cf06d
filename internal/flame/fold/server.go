package fold

import (
	"cmp"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// server is an address, at which one process answers after the other: after a restart, or
// in turn, as replicas do.
type server struct {
	name      string
	processes []*target // in the order of their first poll, at most maxProcesses
	current   *target   // that answered last
	polls     int
}

// maxProcesses is how many processes of a server are followed at once.
const maxProcesses = 100

// answer returns the process that made s, and its predecessor, nil for none.
func (f *Folder) answer(s *snapshot.Snapshot) (now, before *target) {
	name := s.Target()
	v := f.servers[name]
	if v == nil {
		v = &server{name: name}
		f.servers[name] = v
		f.addresses = append(f.addresses, v)
	}
	v.polls++
	before, now = v.current, v.find(s)
	if now == nil {
		now = &target{
			server: v, name: name, flights: map[string]*flight{},
			gaps: map[time.Duration]int{}, credits: map[credit]float64{},
		}
		f.order = append(f.order, now)
		v.processes = append(v.processes, now)
	}
	if p, known := s.Process(); known {
		now.process, now.known = p, true
	}
	if before != nil && before != now {
		before.until = s.At()
		now.returned = now.last != nil
	}
	v.current = now
	return now, before
}

// forget ends the process that has not answered for longest if there are too many.
func (f *Folder) forget(v *server) {
	if len(v.processes) <= maxProcesses {
		return
	}
	oldest := slices.MinFunc(v.processes, func(a, b *target) int { return cmp.Compare(a.seen, b.seen) })
	f.leave(oldest)
	f.settle(oldest)
	v.processes = without(v.processes, oldest)
	f.order = without(f.order, oldest)
}

func without(list []*target, t *target) []*target {
	return slices.DeleteFunc(list, func(other *target) bool { return other == t })
}

// find returns the process that made s, nil for a new one. A snapshot that does not tell is
// of the process that answered last.
func (v *server) find(s *snapshot.Snapshot) *target {
	p, known := s.Process()
	if v.current == nil || !known || !v.current.known || v.current.process.Is(p) {
		return v.current
	}
	for _, t := range v.processes {
		if t.process.Is(p) {
			return t
		}
	}
	return nil
}

// answering is the number of processes that answered since t did, with t.
func (t *target) answering() int {
	n := 1
	for _, other := range t.server.processes {
		if other.seen > t.seen {
			n++
		}
	}
	return n
}

// gone reports whether another process took the place of t, which does not answer any more.
func (t *target) gone() bool {
	v := t.server
	if t == v.current {
		return false
	}
	return !t.returned || v.polls-t.seen > holeIntervals*len(v.processes)
}

// leave ends the calls of a process that is gone.
func (f *Folder) leave(t *target) {
	t.gen++ // no call is in flight
	t.before, t.now, t.leaves = t.now, nil, nil
	f.calls.end(f.b, t, t.until)
}
