package monitor

import (
	"fmt"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// target is a living process with its descendants.
type target struct {
	tree       *process.Tree
	summary    *Process
	detailsDue time.Time // when the details are read again
	denied     bool
	short      bool // processes were missing
	zombies    int
}

// Details are read at most every detailEvery and for at most 1/detailShare of the
// time, but at least every detailRest: the PSS of a big process and the sockets of a
// big machine cost milliseconds.
const (
	detailEvery = time.Second
	detailShare = 1000
	detailRest  = 10 * time.Second
)

// detailPause returns the time from one reading of the details, which took cost, to
// the next. A tick that comes a little early need not wait for the one after it.
func detailPause(cost time.Duration) time.Duration {
	return min(max(detailEvery, detailShare*cost), detailRest) - 5*time.Millisecond
}

// sample reads the process. The details of the last sample are always read: old ones
// would not fit the final RSS.
func (t *target) sample(now time.Time, system process.System, last bool) (*Sample, error) {
	m, err := t.tree.Read()
	if err != nil {
		return nil, err
	}
	s := &Sample{
		At: now, PID: t.summary.PID, Children: m.Children, Detail: process.NoDetail(),
		RSS: mb(m.Self.RSS), VMS: mb(m.Self.VMS), RSSTotal: mb(m.Total.RSS), VMSTotal: mb(m.Total.VMS),
		Percent: 100 * float64(m.Self.RSS) / float64(system.Total), Available: float64(system.Available),
	}
	if t.summary.Samples == 0 && t.summary.Restarted {
		s.Event = restarted
	}
	t.zombies, t.short = max(t.zombies, m.Zombies), t.short || m.Short
	if last || !now.Before(t.detailsDue) {
		t.readDetails(s, now)
	}
	t.summary.add(s)
	return s, nil
}

func (t *target) readDetails(s *Sample, now time.Time) {
	began := time.Now()
	t.tree.ReadCounts(&s.Detail)
	t.tree.ReadPages(&s.Detail)
	t.tree.ReadSockets(&s.Detail)
	t.summary.addHolders(t.tree.MemoryOf())
	t.detailsDue = now.Add(detailPause(time.Since(began)))
	t.denied = t.denied || s.Denied
}

func mb(bytes uint64) float64 { return float64(bytes) / mib }

// note adds facts of the whole run to the summary.
func (t *target) note() {
	if t.denied {
		t.summary.Facts = append(t.summary.Facts,
			"PSS, USS, swap, sockets (and open files before Linux 6.2): permission denied; a process of the tree belongs to another user: run as that user, or with more rights")
	}
	if program := t.tree.Elsewhere(); program != "" {
		t.summary.disturbed = append(t.summary.disturbed, process.ElsewhereText(program))
	}
	if t.short {
		t.summary.disturbed = append(t.summary.disturbed, process.ShortText)
	}
	if t.zombies > 0 {
		t.summary.Facts = append(t.summary.Facts, fmt.Sprintf("%d children had ended without being collected (zombies)", t.zombies))
	}
}

// drop stops following a process that has ended.
func (r *run) drop(t *target, now time.Time) {
	t.summary.Ended = true
	t.note()
	t.tree.Close()
	if r.child != nil {
		return // its exit status is reported
	}
	t.summary.disturbed = append(t.summary.disturbed, "it ended while it was watched, for an unknown reason")
	if r.cfg.CanRestart() {
		r.endedAt = now
		return
	}
	if other, err := process.Lookup(t.summary.PID); err == nil && other.ID != t.summary.ID {
		r.notes = append(r.notes, fmt.Sprintf("PID %d belongs to another process now (%s), which was not followed", other.PID, report.Cell(other.Command(), 60)))
	}
}

// searchEvery is how often a process that ended is searched for: that reads the
// names of all processes.
const searchEvery = 250 * time.Millisecond

// findRestarted searches for the successor of a process that ended, and follows it.
func (r *run) findRestarted(now time.Time) {
	if r.endedAt.IsZero() || now.Sub(r.searchedAt) < searchEvery {
		return
	}
	r.searchedAt = now
	known := make([]process.ID, len(r.all))
	for i, p := range r.all {
		known[i] = p.ID
	}
	for _, info := range r.cfg.FindRestarted(known, r.start.Add(-time.Second)) {
		if t, err := r.follow(info); err == nil {
			t.summary.Restarted = true
			t.summary.disturbed = append(t.summary.disturbed, "it replaced a process that ended")
			r.notes = append(r.notes, fmt.Sprintf("restarted: PID %d is followed since %s", info.PID, now.Format(time.TimeOnly)))
			r.endedAt = time.Time{}
		}
	}
}

func (r *run) close() {
	for _, t := range r.targets {
		t.tree.Close()
	}
	if r.child != nil {
		r.child.Stop()
	}
}

// end stops the command, if one was started, and records how it ended.
func (r *run) end() {
	for _, t := range r.targets {
		t.note()
	}
	if r.child == nil {
		return
	}
	p := r.all[0]
	if p.Ended { // a tick found it ended before its exit status was known
		<-r.child.Done()
	}
	select {
	case <-r.child.Done():
		p.Ended = true
	default:
		r.child.Stop()
		return // its status after a request to end means nothing
	}
	exit := r.child.Exit()
	p.Exit = &exit
	switch {
	case exit.Signal == "killed":
		p.disturbed = append(p.disturbed, exit.Text+": unless someone killed it, the machine or its control group was out of memory")
	case exit.Code != 0:
		p.disturbed = append(p.disturbed, "it ended with "+exit.Text)
	}
}

func (r *run) result() *Result {
	res := &Result{StartedAt: r.start, IntervalMS: report.InMillis(r.cfg.Interval), Warnings: []string{}}
	res.Processes = r.all
	if r.missed > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf(
			"%d of %d samples are missing: the machine was busy or asleep, or the interval is too short", r.missed, r.ticks+r.missed))
	}
	if r.missed > r.ticks/10 {
		for _, p := range res.Processes {
			p.disturbed = append(p.disturbed, "many samples were missed")
		}
	}
	// Compare the wall clock with the monotonic clock.
	if now := time.Now(); now.Round(0).Sub(r.start.Round(0))-now.Sub(r.start) > clockJump || now.Sub(r.start)-now.Round(0).Sub(r.start.Round(0)) > clockJump {
		res.Warnings = append(res.Warnings, "the clock of the machine was set while the monitor ran: the timestamps have a jump")
	}
	res.Warnings = append(res.Warnings, r.notes...)
	if !r.cfg.Unjudged {
		res.conclude()
	}
	return res
}

const clockJump = 2 * time.Second
