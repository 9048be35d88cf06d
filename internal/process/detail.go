package process

import (
	"math"
	"time"
)

// Detail holds figures of a tree of processes that cost more to read than its memory. A
// figure that the system does not provide, even for one member of the tree, is not a
// number: a sum without that member would be wrong.
type Detail struct {
	PSS     float64 // bytes; pages shared with others count in parts
	USS     float64 // bytes not shared with others
	Swap    float64 // bytes
	CPU     float64 // percent of one core since the Detail before
	Threads float64
	Files   float64 // open file descriptors, sockets among them

	Sockets     float64 // all kinds
	Listen      float64 // TCP sockets by state
	Established float64
	CloseWait   float64 // closed by the other side, not by this process

	Group      float64 // bytes of the control group of the root
	GroupLimit float64 // bytes; not a number without a limit

	// Denied means that a member belongs to another user: its proportional memory, its
	// sockets and, before Linux 6.2, its open files are not readable.
	Denied bool
}

var unknown = math.NaN()

// NoDetail returns a Detail without any figure.
func NoDetail() Detail {
	return Detail{PSS: unknown, USS: unknown, Swap: unknown, CPU: unknown, Threads: unknown, Files: unknown,
		Sockets: unknown, Listen: unknown, Established: unknown, CloseWait: unknown, Group: unknown, GroupLimit: unknown}
}

// ReadCounts reads into d CPU, threads, open files and the control group of the
// members that the last Read found. It costs 15 µs a process.
func (t *Tree) ReadCounts(d *Detail) {
	now := time.Now()
	used := t.counts(d)
	if !t.usedAt.IsZero() {
		d.CPU = 100 * cpuSince(t.used, used).Seconds() / now.Sub(t.usedAt).Seconds()
	}
	t.used, t.usedAt = used, now
}

// cpuSince returns the CPU time used between before and now. A new process counts
// in full, a process that has ended not at all.
func cpuSince(before, now map[ID]time.Duration) time.Duration {
	var sum time.Duration
	for id, used := range now {
		sum += used - before[id]
	}
	return sum
}

// Or returns d with the figures of other for those that d lacks.
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
