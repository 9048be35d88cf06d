package process

import (
	"math"
	"time"
)

// Detail is what a tree of processes uses beside its memory. It costs more to
// read than Read does, each part at a price of its own. A figure that the system does
// not tell, for one member of the tree or at all, is not a number: a sum without
// that member would be wrong.
type Detail struct {
	PSS     float64 // bytes; pages shared with others count in parts
	USS     float64 // bytes that nobody shares
	Swap    float64 // bytes
	CPU     float64 // percent of one core since the Detail before
	Threads float64
	Files   float64 // open file descriptors, sockets among them

	Sockets     float64 // all kinds
	Listen      float64 // TCP sockets by state
	Established float64
	CloseWait   float64 // the other side has closed, this process has not

	Group      float64 // bytes of the control group of the root
	GroupLimit float64 // bytes it may have; not a number without a limit

	// Denied says that a member belongs to another user, who alone may see its
	// proportional memory and its sockets, and before Linux 6.2 its open files.
	Denied bool
}

var unknown = math.NaN()

// NoDetail is a Detail in which no figure is known.
func NoDetail() Detail {
	return Detail{PSS: unknown, USS: unknown, Swap: unknown, CPU: unknown, Threads: unknown, Files: unknown,
		Sockets: unknown, Listen: unknown, Established: unknown, CloseWait: unknown, Group: unknown, GroupLimit: unknown}
}

// ReadCounts reads into d CPU, threads, open files and the control group of the
// members that the last Read saw. It costs 15 µs a process.
func (t *Tree) ReadCounts(d *Detail) {
	now := time.Now()
	used := t.counts(d)
	if !t.usedAt.IsZero() {
		d.CPU = 100 * cpuSince(t.used, used).Seconds() / now.Sub(t.usedAt).Seconds()
	}
	t.used, t.usedAt = used, now
}

// cpuSince is what the processes used since before. One that is new counts with
// all it used, one that ended does not count.
func cpuSince(before, now map[ID]time.Duration) time.Duration {
	var sum time.Duration
	for id, used := range now {
		sum += used - before[id]
	}
	return sum
}

// Or is d with the figures of other where it has none.
func (d Detail) Or(other Detail) Detail {
	for _, f := range []struct {
		mine *float64
		its  float64
	}{
		{&d.PSS, other.PSS}, {&d.USS, other.USS}, {&d.Swap, other.Swap},
		{&d.CPU, other.CPU}, {&d.Threads, other.Threads}, {&d.Files, other.Files},
		{&d.Sockets, other.Sockets}, {&d.Listen, other.Listen}, {&d.Established, other.Established}, {&d.CloseWait, other.CloseWait},
		{&d.Group, other.Group}, {&d.GroupLimit, other.GroupLimit},
	} {
		if math.IsNaN(*f.mine) {
			*f.mine = f.its
		}
	}
	return d
}
