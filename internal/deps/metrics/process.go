package metrics

import (
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Figure is one figure of the process, with its change over the window.
type Figure struct {
	Name   string   `json:"name"`
	Metric string   `json:"metric"`
	Value  float64  `json:"value"`
	Change *float64 `json:"change,omitempty"`

	format func(float64) string
}

func bytesText(v float64) string   { return report.MB(v / (1 << 20)) }
func countText(v float64) string   { return report.Count(int64(v)) }
func secondsText(v float64) string { return report.Millis(v * 1000) }

// gauges are the figures of a process as the client libraries of Prometheus and
// OpenTelemetry name them; the first metric that exists counts.
var gauges = []struct {
	name    string
	format  func(float64) string
	metrics []string
}{
	{"memory (RSS)", bytesText, []string{"process_resident_memory_bytes", "process_memory_usage_bytes"}},
	{"heap in use", bytesText, []string{"nodejs_heap_size_used_bytes", "v8js_memory_heap_used_bytes", "go_memstats_heap_inuse_bytes", "go_memory_used_bytes"}},
	{"goroutines", countText, []string{"go_goroutines", "go_goroutine_count"}},
	{"threads", countText, []string{"process_threads", "go_threads"}},
	{"handles", countText, []string{"nodejs_active_handles_total", "nodejs_active_handles"}},
	{"open files", countText, []string{"process_open_fds", "process_open_file_descriptor_count"}},
	{"event-loop lag p99", secondsText, []string{"nodejs_eventloop_lag_p99_seconds", "nodejs_eventloop_delay_p99_seconds"}},
}

// process collects the figures and judges those that have a limit.
func (j *judge) process() {
	for _, g := range gauges {
		for _, metric := range g.metrics {
			if v, ok := j.window.now.figure(metric); ok {
				j.gauge(Figure{Name: g.name, Metric: metric, Value: v, format: g.format})
				break
			}
		}
	}
	j.share("CPU", "process_cpu_seconds_total")
	gc := j.share("garbage collection", "nodejs_gc_duration_seconds_sum", "go_gc_duration_seconds_sum")
	j.limits(gc)
}

func (j *judge) gauge(f Figure) {
	if j.window.before != nil {
		if was, ok := j.window.before.figure(f.Metric); ok {
			change := f.Value - was
			f.Change = &change
		}
	}
	j.result.Process = append(j.result.Process, f)
}

// share adds the share of the window that a counter of seconds rose, -1 if unknown.
func (j *judge) share(name string, metrics ...string) float64 {
	for _, metric := range metrics {
		spent, ok := j.window.rise(metric)
		if length := j.window.seconds(); ok && length > 0 {
			v := spent / length
			j.result.Process = append(j.result.Process, Figure{Name: name, Metric: metric, Value: v, format: report.Percent})
			return v
		}
	}
	return -1
}

// limits judges open files, event-loop lag and the share of garbage collection.
func (j *judge) limits(gc float64) {
	open, ok := j.window.now.figure("process_open_fds")
	if limit, known := j.window.now.figure("process_max_fds"); ok && known && limit > 0 {
		j.add("fds", finding.Graded(open/limit, 0.8, 0.95), "raise the limit only after finding out who keeps them: mcpdiag leaktest counts sockets and files",
			"%s of %s files are open (%s)", countText(open), countText(limit), report.Percent(open/limit))
	}
	for _, f := range j.result.Process {
		if f.Name == "event-loop lag p99" {
			j.add("eventloop", finding.Graded(f.Value, 0.1, 1), "a call computes for long without a pause; mcpdiag flame shows which", "event-loop lag: %s at the 99 %% quantile", secondsText(f.Value))
		}
	}
	if gc >= 0 {
		j.add("gc", finding.Graded(gc, 0.1, 0.3), "the heap is close to its limit, or is filled fast: mcpdiag leaktest", "garbage collection took %s of the time", report.Percent(gc))
	}
}

func (f Figure) text() (value, change string) {
	if f.Change == nil {
		return f.format(f.Value), ""
	}
	return f.format(f.Value), fmt.Sprintf("%s in the window", report.Signed(*f.Change, f.format))
}
