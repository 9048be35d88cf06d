package conduct

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/load"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Config limits a run.
type Config struct {
	Users, Calls int  // users times calls is the usual size of a round
	Fixed        bool // the user chose them
	Rounds       int  // exactly this many; 0 is as many as the verdict needs
	Settle       time.Duration
	LiveSettle   time.Duration // where the live heap of the whole server is read, 0 for Settle
	Expiry       time.Duration // lifetime of abandoned sessions, 0 if unknown
	Hold         time.Duration // idle time before a leak is believed, 0 for none
	MaxTime      time.Duration
	MaxMB        float64 // of the process tree; the load stops there
	HeapMB       float64 // limit of the server's heap, 0 for none
}

// DecidingRounds is the least number of rounds that can be judged, beside the baseline.
const DecidingRounds = 8

// The numbers of rounds of a phase.
const (
	leastRounds = 9
	usualRounds = 12
	sureRounds  = 17 // a long warm-up looks like a leak until then
	bentRounds  = 24 // for a leak whose curve bends, which may be a longer warm-up
	mostRounds  = 40
)

// Server is the server under test.
type Server struct {
	// Run makes n operations. It stops early, and full is true, when the server
	// reaches the memory limit.
	Run func(ctx context.Context, op *load.Operation, n int) (b load.Batch, full bool)
	// Settle waits and reads the memory and counts of the idle server at the end of
	// the wait. A reading of 0 MB means that it has ended.
	Settle func(ctx context.Context, wait time.Duration) Reading
	// Begin and End surround a phase.
	Begin, End func(ctx context.Context, op *load.Operation)
	// Memory returns the current memory in MB, 0 after the end of the server.
	Memory func() float64
	// Files returns the number of open files, 0 if unknown.
	Files func() float64
	// FileLimit is the limit of open files of the server's process, 0 if unknown.
	FileLimit float64
	// Collectors returns how much garbage, in MB, lazy collectors may leave, and a
	// function that reports whether one process has grown by more than its share.
	Collectors func() (mb float64, exceeded func() bool)
	// Missed returns the share of the samples of the process that are missing, as on a
	// machine without time for them; nil if there are none.
	Missed func() float64
	// Ended returns how the server ended, and whether memory ran out; "" while it lives.
	Ended func() (how string, outOfMemory bool)
}

// Reading is a reading of an idle server.
type Reading struct {
	judge.Round
	Unread  string // why processes are missing in it, or ""
	Partial bool   // the live heap is not that of the whole server
}

// Task is a load to try.
type Task struct {
	load.Operation
	Tool   string
	Per    string
	Does   string
	Select func() // selects the tool; nil for a load without one
	Asked  bool   // the user named it
}

// Conductor runs phases.
type Conductor struct {
	Config
	Server Server
	Warn   func(text string)
	Report func(Progress)
	Round  func(p *judge.Phase, r *judge.Round, b *load.Batch) // called after each load

	Phases []*judge.Phase
	tasks  []Task // of the phases
	Ended  string // how the server ended
	Full   bool   // the memory limit was reached

	start       time.Time
	phaseIndex  int // from 1
	phaseCount  int
	named       int           // tasks that do not run unasked
	extendUntil time.Time     // the phase may get more rounds until then
	reserved    time.Duration // for the tasks after this one
	room        float64       // MB by which the server might grow when the phase began
	current     *judge.Phase
	task        *Task
}

// Progress is the state of a run.
type Progress struct {
	Phase        string
	Index, Count int // of the phase, from 1, and of all phases
	Round        int
	Rounds       int // wanted so far
	State        string
	Latest       string        // the verdict so far
	Hold         time.Duration // to come, if the verdict stands
	Most         time.Duration // until the time for the run is up
}

// Conduct runs the tasks. A task that stands for several is taken apart when it is
// not cleared: parts returns its parts. start is when the run began.
func (c *Conductor) Conduct(ctx context.Context, start time.Time, tasks []Task, parts func(t *Task, todo []Task) []Task) {
	c.start = start
	for i := range tasks {
		if !tasks[i].Has(load.Unasked) {
			c.named++
		}
	}
	if text := c.tooLong(tasks); text != "" {
		c.Warn(text)
	}
	for i := 0; i < len(tasks) && ctx.Err() == nil; i++ {
		t := &tasks[i]
		c.phaseIndex, c.phaseCount = i+1, len(tasks)
		left := c.MaxTime - time.Since(c.start)
		if left < 0 && i > 0 || c.Full {
			c.Warn(fmt.Sprintf("%s was not tried: %s", t.ID, c.limitReached()))
			continue
		}
		c.reserved = c.need(tasks[i+1:])
		c.extendUntil = time.Now().Add(left / time.Duration(len(tasks)-i))
		p := c.phase(ctx, t)
		if len(p.Rounds) > 0 {
			c.Phases, c.tasks = append(c.Phases, p), append(c.tasks, *t)
		}
		if c.Ended != "" {
			c.Warn(c.Ended)
			c.untried(tasks[i+1:])
			return
		}
		if p.Verdict() != trend.NoLeak {
			tasks = append(tasks, parts(t, tasks)...)
		}
	}
	if ctx.Err() != nil {
		c.Warn("the run was interrupted")
		c.untried(tasks[min(c.phaseIndex, len(tasks)):])
	}
}

// TaskOf returns the task of a phase.
func (c *Conductor) TaskOf(p *judge.Phase) *Task { return &c.tasks[slices.Index(c.Phases, p)] }

func (c *Conductor) untried(rest []Task) {
	var ids []string
	for _, t := range rest {
		ids = append(ids, t.ID)
	}
	if len(ids) > 0 {
		c.Warn("not tried: " + strings.Join(ids, ", "))
	}
}

func (c *Conductor) limitReached() string {
	if c.Full {
		return "the server had reached the memory limit of " + judge.Bytes(c.MaxMB*mib) + "; --max-memory allows more"
	}
	return "the time was up; --max-time allows more"
}

// tooLong returns a warning if the tasks cannot be finished in time.
func (c *Conductor) tooLong(tasks []Task) string {
	c.phaseCount = len(tasks)
	need := c.need(tasks)
	if need <= c.MaxTime {
		return ""
	}
	return fmt.Sprintf("the run needs at least %s and ends at --max-time %s: what is tried last may stay undecided; --max-time %s allows all of it",
		need.Round(time.Second), c.MaxTime, need.Truncate(time.Minute)+time.Minute)
}

// need returns the least time that the tasks take.
func (c *Conductor) need(tasks []Task) (need time.Duration) {
	for i := range tasks {
		t := &tasks[i]
		rounds := c.usual(t)
		if c.Rounds > 0 {
			rounds = c.Rounds
		}
		need += warmUpTime + time.Duration(rounds+1)*c.wait(t) + time.Duration(rounds)*c.loadTime(t)
	}
	return need
}

// warmUpTime is the least time of a warm-up.
const warmUpTime = 2 * time.Second

// report reports the progress.
func (c *Conductor) report(state string) {
	if c.Report == nil {
		return
	}
	p := Progress{Index: c.phaseIndex, Count: c.phaseCount, State: state, Rounds: usualRounds, Most: c.MaxTime - time.Since(c.start)}
	if c.task != nil {
		p.Rounds = c.usual(c.task)
	}
	if c.Rounds > 0 {
		p.Rounds = c.Rounds
	}
	if ph := c.current; ph != nil {
		p.Phase, p.Round = ph.ID, ph.RoundsDone()
		p.Rounds = max(p.Rounds, p.Round)
		if p.Round > leastRounds {
			p.Latest = ph.Sentence()
		}
		if ph.Verdict() == trend.Leak && ph.By != judge.ByCount {
			p.Hold = c.holdTime()
		}
	}
	c.Report(p)
}

func (c *Conductor) elapsed() float64 { return Seconds(time.Since(c.start)) }

// Seconds returns d in seconds, rounded to milliseconds.
func Seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond)) / float64(time.Second)
}

const mib = 1 << 20
