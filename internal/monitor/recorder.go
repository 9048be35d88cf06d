package monitor

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Memory is the kind of memory that a recording holds.
type Memory string

// Kinds of memory. The working set and the usage of a container include page cache.
const (
	RSS        Memory = ""
	WorkingSet Memory = "working set"
	Usage      Memory = "usage"
)

// Source is the process or container that a recorded sample belongs to.
type Source struct {
	PID    int
	Name   string // of a container; processes have none
	Memory Memory
	Limit  float64 // of its memory in MB; 0: unknown
	// Cached says that the values come from a cache, as those of metrics-server: equal
	// neighbours within repeatTime are one reading.
	Cached bool
}

// repeatTime is the longest refresh time of metrics-server and the usual longest
// scrape interval.
const repeatTime = time.Minute

// restartShare is the share of the memory below which a container that is read by
// its name is taken for restarted.
const restartShare = 0.5

// maxProcesses is the number of processes of a recording that are judged.
const maxProcesses = 1000

// Recorder makes a Result of samples that were recorded before.
type Recorder struct {
	res      Result
	open     map[sourceKey]*Process // the run that the next sample of a source belongs to
	skipped  int
	firstBad int // line
	older    int // samples that are older than the one before them
	beyond   int // samples beyond maxProcesses
}

type sourceKey struct {
	pid  int
	name string
}

// Add adds a sample.
func (r *Recorder) Add(source Source, s *Sample) {
	if r.open == nil {
		r.res.StartedAt, r.open = s.At, map[sourceKey]*Process{}
	}
	key := sourceKey{source.PID, source.Name}
	p := r.open[key]
	switch {
	case p == nil:
		p = r.begin(key, source, false)
	case s.At.Before(p.last): // a clock that was set, or files that were joined
		r.older++
		return
	case s.Event == restarted && p.Samples > 0,
		source.Name != "" && s.RSSTotal < restartShare*p.RSSTotal.Final:
		p.Ended = true
		p = r.begin(key, source, true)
	case source.Cached && s.RSSTotal == p.RSSTotal.Final && s.At.Sub(p.last) < repeatTime:
		p.Repeats++
		return
	}
	if p == nil {
		r.beyond++
		return
	}
	p.limit = source.Limit
	p.add(s)
}

// begin begins a new series. It returns nil when there are too many.
func (r *Recorder) begin(key sourceKey, source Source, again bool) *Process {
	if len(r.res.Processes) == maxProcesses {
		return nil
	}
	p := newProcess(process.Info{ID: process.ID{PID: source.PID}, Name: source.Name}, r.res.StartedAt)
	p.Memory = source.Memory
	if p.Restarted = again; again {
		p.disturbed = append(p.disturbed, "it replaced a process that ended")
	}
	r.open[key] = p
	r.res.Processes = append(r.res.Processes, p)
	return p
}

// Skip counts a line that could not be read.
func (r *Recorder) Skip(line int) {
	if r.skipped++; r.firstBad == 0 {
		r.firstBad = line
	}
}

// Result judges the recorded samples.
func (r *Recorder) Result() (*Result, error) {
	res := &r.res
	if len(res.Processes) == 0 {
		return nil, errors.New("no samples in it")
	}
	res.Warnings = []string{}
	if r.skipped > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("skipped %s that could not be read; the first is line %d", report.Plural(int64(r.skipped), "line"), r.firstBad))
	}
	if r.older > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("skipped %s older than the one before", report.Plural(int64(r.older), "sample")))
	}
	if r.beyond > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("more than %d processes; skipped %s of the others", maxProcesses, report.Plural(int64(r.beyond), "sample")))
	}
	for _, p := range res.Processes {
		if p.Samples/10 < r.skipped+r.older {
			p.disturbed = append(p.disturbed, "a part of the samples could not be read")
		}
	}
	res.conclude()
	return res, nil
}

// maxMB is more than any machine has; a larger number is not a size.
const maxMB = 1 << 40

// IsSize reports whether the values can be sizes in MB.
func IsSize(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || v < 0 || v > maxMB {
			return false
		}
	}
	return true
}

// NewSample returns a sample of a process without further figures.
func NewSample(at time.Time, rssMB float64) *Sample {
	return &Sample{At: at, RSS: rssMB, RSSTotal: rssMB, Detail: process.NoDetail(), Available: math.NaN()}
}
