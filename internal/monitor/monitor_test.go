package monitor

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

func TestRunWritesARowPerSample(t *testing.T) {
	cmd, _ := processtest.Start(t, "tree 1 1")
	var out bytes.Buffer
	var seen int
	cfg := Config{Target: process.Target{PID: cmd.Process.Pid}, Interval: MinInterval, Count: 5}
	res, err := Run(t.Context(), cfg, &out, func(*Sample) { seen++ })
	if err != nil {
		t.Fatal(err)
	}
	rows := parseRows(t, out.String())
	if diff := cmp.Diff(classicColumns, rows[0][:len(classicColumns)]); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if len(rows) != 6 || seen != 5 || res.Processes[0].Samples != 5 {
		t.Errorf("%d rows, %d seen, %d counted; want 6, 5, 5", len(rows), seen, res.Processes[0].Samples)
	}
	for _, row := range rows[1:] {
		checkRow(t, row, cmd.Process.Pid)
	}
}

func checkRow(t *testing.T, row []string, pid int) {
	t.Helper()
	if at, err := time.Parse(time.RFC3339Nano, row[0]); err != nil || time.Since(at).Abs() > time.Hour {
		t.Errorf("timestamp %q: %v", row[0], err)
	}
	v := make([]float64, len(classicColumns))
	for i := 1; i < len(v); i++ {
		var err error
		if v[i], err = strconv.ParseFloat(row[i], 64); err != nil {
			t.Errorf("%s: %v", classicColumns[i], err)
		}
	}
	rss, vms, rssTotal, vmsTotal, percent, children := v[2], v[3], v[4], v[5], v[6], v[7]
	if runtime.GOOS == "windows" {
		vms, vmsTotal = max(vms, rss), max(vmsTotal, rssTotal) // they are what was committed there
	}
	if v[1] != float64(pid) || rss <= 0 || vms < rss || rssTotal <= rss || vmsTotal <= vms || percent <= 0 || percent > 100 || children != 1 {
		t.Errorf("row %v", row)
	}
}

func parseRows(t *testing.T, text string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) < 1 {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return rows
}

func TestRunEndsWithTheProcess(t *testing.T) {
	cmd, stop := processtest.Start(t, "wait")
	var seen int
	third := func(*Sample) {
		if seen++; seen == 3 {
			stop()
		}
	}
	res, err := Run(t.Context(), Config{Target: process.Target{PID: cmd.Process.Pid}, Interval: MinInterval}, nil, third)
	if err != nil || !res.Processes[0].Ended || res.Processes[0].Samples != 3 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestRunEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	res, err := Run(ctx, Config{Target: process.Target{PID: os.Getpid()}, Interval: time.Hour}, nil, func(*Sample) { cancel() })
	if err != nil || res.Processes[0].Ended || res.Processes[0].Samples != 1 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestRunByName(t *testing.T) {
	marker := "mcpdiag-" + t.Name()
	first, _ := processtest.Start(t, "wait", marker)
	cfg := Config{Target: process.Target{Name: marker}, Interval: MinInterval, Count: 1}
	res, err := Run(t.Context(), cfg, nil, nil)
	if err != nil || res.Processes[0].PID != first.Process.Pid {
		t.Fatalf("%+v, %v", res, err)
	}
	second, _ := processtest.Start(t, "wait", marker)
	if _, err := Run(t.Context(), cfg, nil, nil); err == nil || !strings.Contains(err.Error(), strconv.Itoa(second.Process.Pid)) {
		t.Errorf("two processes: %v, want an error with both PIDs", err)
	}
	cfg.Match = process.MatchNewest
	if res, err := Run(t.Context(), cfg, nil, nil); err != nil || len(res.Processes) != 1 {
		t.Errorf("newest: %+v, %v", res, err)
	}
	cfg.Match = process.MatchAll
	if res, err := Run(t.Context(), cfg, nil, nil); err != nil || len(res.Processes) != 2 {
		t.Errorf("all: %+v, %v", res, err)
	}
}

func TestRunRefuses(t *testing.T) {
	for want, cfg := range map[string]Config{
		"shortest":         {Target: process.Target{PID: os.Getpid()}, Interval: time.Millisecond},
		"no process named": {Interval: time.Second},
		"no such process":  {Target: process.Target{PID: 1 << 30}, Interval: time.Second},
		"arguments":        {Target: process.Target{Name: "no-process-is-called-this"}, Interval: time.Second},
	} {
		if _, err := Run(t.Context(), cfg, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}

// PSS is read rarely, but also at the end: beside the final RSS an old one is false.
func TestPagesAreReadAtTheEnd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has PSS")
	}
	cmd, _ := processtest.Start(t, "wait")
	cfg := Config{Target: process.Target{PID: cmd.Process.Pid}, Interval: MinInterval, Count: 5}
	res, err := Run(t.Context(), cfg, nil, nil)
	if err != nil || res.Processes[0].Figures["pss_mb"].N != 2 {
		t.Errorf("%+v, %v, want PSS of the first sample and of the end", res.Processes[0].Figures, err)
	}
	cfg.Count, cfg.Duration = 0, 6*MinInterval
	res, err = Run(t.Context(), cfg, nil, nil)
	if err != nil || res.Processes[0].Figures["pss_mb"].N < 2 {
		t.Errorf("%+v, %v, want PSS of the end of the time too", res.Processes[0].Figures, err)
	}
}

// An old PSS is no PSS of the end.
func TestOldPagesAreDated(t *testing.T) {
	p := newProcess(process.Info{}, time.Unix(0, 0))
	for i := range 30 {
		s := NewSample(time.Unix(int64(i), 0), 100+float64(i))
		if i <= 20 {
			s.PSS = 80 * mib
		}
		p.add(s)
	}
	if p.judge(); !slices.Contains(p.Facts, "PSS and USS were read last 9s before the end") {
		t.Errorf("facts %q", p.Facts)
	}
	if row := p.rows()[1]; row[1] != "none: it grew to the end" {
		t.Errorf("%q", row)
	}
}

func TestNextTickDoesNotDrift(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		elapsed, wait time.Duration
		tick          int
	}{{0, s, 1}, {s / 10, 9 * s / 10, 1}, {s, s, 2}, {35 * s / 10, s / 2, 4}} {
		if tick, wait := nextTick(c.elapsed, s); tick != c.tick || wait != c.wait {
			t.Errorf("after %v: tick %d in %v, want %d in %v", c.elapsed, tick, wait, c.tick, c.wait)
		}
	}
}

func TestSummaryLines(t *testing.T) {
	p := newProcess(process.Info{Args: []string{"uvicorn \x1b[2Japp"}}, time.Unix(0, 0))
	p.PID = 12345
	start := time.Unix(0, 0)
	for i, rss := range []float64{250, 245, 860, 850} {
		p.add(&Sample{At: start.Add(time.Duration(i) * 100 * time.Second), RSS: rss, RSSTotal: rss + 5})
	}
	var b bytes.Buffer
	if err := (&Result{Processes: []*Process{p}}).Text(&b, false); err != nil {
		t.Fatal(err)
	}
	want := `MEMORY MONITORING SUMMARY
======================================================================
Process PID:           12345
Total samples:         4
Duration:              300.00 seconds

Process Memory (RSS):
  Initial:             250.00 MB
  Final:               850.00 MB
  Min:                 245.00 MB
  Max:                 860.00 MB
  Avg:                 551.25 MB
  Growth:              600.00 MB

Total Memory (Process + Children):
  Initial:             255.00 MB
  Final:               855.00 MB
  Growth:              600.00 MB
======================================================================
`
	if !strings.HasPrefix(b.String(), want) {
		t.Error(cmp.Diff(want, b.String()))
	}
	if strings.ContainsRune(b.String(), '\x1b') {
		t.Error("the command line reaches the terminal as it is")
	}
}
