package monitor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// maxLine is the longest line of a recorded file that is read.
const maxLine = 1 << 20

// Read judges a recorded file: CSV of this monitor or of the usual Python
// tools, a log of psrecord, or the data of mprof. It takes constant memory.
func Read(in io.Reader) (*Result, error) {
	b := bufio.NewReaderSize(in, 64<<10)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = b.Discard(3)
	}
	start, err := b.Peek(4096)
	if len(start) == 0 {
		if err == nil || errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return nil, err
	}
	r := &recording{res: &Result{Processes: []*Process{}, Warnings: []string{}}, living: map[int]*Process{}}
	if err := formatOf(start)(b, r); err != nil {
		return nil, err
	}
	if len(r.res.Processes) == 0 {
		return nil, errors.New("it holds no samples")
	}
	r.finish()
	return r.res, nil
}

// formatOf tells the formats apart by how a file begins.
func formatOf(start []byte) func(*bufio.Reader, *recording) error {
	first, _, _ := bytes.Cut(start, []byte("\n"))
	switch {
	case bytes.HasPrefix(start, []byte("CMDLINE")), bytes.HasPrefix(start, []byte("MEM ")), bytes.HasPrefix(start, []byte("FUNC ")):
		return readMprof
	case bytes.HasPrefix(start, []byte("#")) && bytes.Contains(first, []byte("Elapsed time")):
		return readPsrecord
	}
	return readCSV
}

// recording folds the samples of a file into a result.
type recording struct {
	res      *Result
	living   map[int]*Process // by PID, the run of it that the next sample belongs to
	skipped  int
	firstBad int // line
	last     time.Time
	back     int // samples before the one before
	beyond   int // samples of more processes than are told apart
}

// maxProcesses is how many processes of a recorded file are told apart.
const maxProcesses = 1000

func (r *recording) add(s *Sample) {
	if r.res.StartedAt.IsZero() {
		r.res.StartedAt = s.At
	}
	if s.At.Before(r.last) { // a clock that was set, or files that were joined
		r.back++
		return
	}
	r.last = s.At
	p := r.living[s.PID]
	if p == nil || s.Event == "restarted" && p.Samples > 0 {
		if len(r.res.Processes) == maxProcesses {
			r.beyond++
			return
		}
		p = newProcess(process.Info{ID: process.ID{PID: s.PID}}, r.res.StartedAt)
		if p.Restarted = s.Event == "restarted"; p.Restarted {
			p.disturbed = append(p.disturbed, "it took the place of one that ended")
		}
		r.living[s.PID] = p
		r.res.Processes = append(r.res.Processes, p)
	}
	p.add(s)
}

func (r *recording) skip(line int) {
	if r.skipped++; r.firstBad == 0 {
		r.firstBad = line
	}
}

func (r *recording) finish() {
	if r.skipped > 0 {
		r.res.Warnings = append(r.res.Warnings, fmt.Sprintf("passed over: %s that could not be read; the first is line %d", report.Plural(int64(r.skipped), "line"), r.firstBad))
	}
	if r.back > 0 {
		r.res.Warnings = append(r.res.Warnings, fmt.Sprintf("%d samples are older than the one before them and were passed over", r.back))
	}
	if r.beyond > 0 {
		r.res.Warnings = append(r.res.Warnings, fmt.Sprintf("there are more than %d processes in it; %d samples of the others were passed over", maxProcesses, r.beyond))
	}
	for _, p := range r.res.Processes {
		if p.Samples/10 < r.skipped+r.back {
			p.disturbed = append(p.disturbed, "a part of the samples could not be read")
		}
	}
	r.res.conclude()
}

// maxMB is more than any machine has; a larger number is no size.
const maxMB = 1 << 40

// sizes reports whether the numbers can be sizes in MB.
func sizes(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || v < 0 || v > maxMB {
			return false
		}
	}
	return true
}
