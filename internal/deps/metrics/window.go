package metrics

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/promtext"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// window is the time between two readings. Without an earlier reading it begins with
// the server.
type window struct {
	before, now *Scrape // before is nil if there is none, or none of the same process
	restarted   bool    // a counter fell, or the process has another start time
}

func newWindow(before, now *Scrape) *window {
	w := &window{before: before, now: now}
	if before != nil {
		then, ok := before.figure("process_start_time_seconds")
		start, known := now.figure("process_start_time_seconds")
		w.restarted = ok && known && math.Abs(start-then) > 1 || anyFell(before, now)
	}
	if w.restarted {
		w.before = nil // the counters began anew
	}
	return w
}

// anyFell reports whether a counter has a lower value than before.
func anyFell(before, now *Scrape) bool {
	for _, name := range now.Names() {
		if !isCounter(now, name) {
			continue
		}
		earlier := byKey(before.Samples(name))
		for _, s := range now.Samples(name) {
			if s.Value < earlier[promtext.Key(s.Labels)] {
				return true
			}
		}
	}
	return false
}

// isCounter reports whether a metric only rises: a counter, or the count of a histogram
// or summary. prom-client has gauges whose names end in "_total".
func isCounter(s *Scrape, name string) bool {
	if base, ok := strings.CutSuffix(name, "_count"); ok {
		kind := s.Kind(base)
		return kind == promtext.Histo || kind == promtext.Summary || len(s.Samples(base+"_bucket")) > 0
	}
	kind := s.Kind(name)
	return kind == promtext.Counter || strings.HasSuffix(name, "_total") && kind == promtext.Untyped
}

func byKey(samples []promtext.Sample) map[string]float64 {
	values := map[string]float64{}
	for _, s := range samples {
		values[promtext.Key(s.Labels)] = s.Value
	}
	return values
}

// figure returns the sum of the samples of a metric.
func (s *Scrape) figure(name string) (float64, bool) { return s.Sum(promtext.Selector{Name: name}) }

// seconds returns the length of the window, 0 if it is unknown.
func (w *window) seconds() float64 {
	if w.before != nil {
		return w.now.At.Sub(w.before.At).Seconds()
	}
	start, ok := w.now.figure("process_start_time_seconds")
	if !ok {
		return 0
	}
	return max(0, float64(w.now.At.UnixMilli())/1000-start)
}

// String describes the window: "over 10s", "since the start, 6d".
func (w *window) String() string {
	length := w.seconds()
	took := report.Millis(length * 1000)
	if days := time.Duration(length) / (24 * 60 * 60); days > 0 {
		took = report.Plural(int64(days), "day")
	}
	switch {
	case w.before != nil:
		return "over " + took
	case length == 0:
		return "since the start, which the page does not give"
	}
	return "since the start, " + took
}

// growth is how much a counter of one label set rose.
type growth struct {
	labels map[string]string
	value  float64
}

// growths returns the differences of the counter called name.
func (w *window) growths(name string) []growth {
	earlier := map[string]float64{}
	if w.before != nil {
		earlier = byKey(w.before.Samples(name))
	}
	var all []growth
	for _, s := range w.now.Samples(name) {
		if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
			continue
		}
		all = append(all, growth{s.Labels, s.Value - earlier[promtext.Key(s.Labels)]})
	}
	return all
}

// rise returns the difference of the counter called name over all label sets; ok is
// false if there is none.
func (w *window) rise(name string) (total float64, ok bool) {
	for _, g := range w.growths(name) {
		total, ok = total+g.value, true
	}
	return total, ok
}

// histograms returns the differences of a classic histogram.
func (w *window) histograms(name string) []promtext.Series {
	earlier := map[string]promtext.Histogram{}
	if w.before != nil {
		for _, s := range w.before.Histograms(name) {
			earlier[promtext.Key(s.Labels)] = s.Histogram
		}
	}
	all := w.now.Histograms(name)
	for i, s := range all {
		if was := earlier[promtext.Key(s.Labels)]; len(was.Buckets) > 0 {
			all[i].Histogram = s.Since(was)
		}
	}
	return all
}

// natives returns the differences of a native histogram.
func (w *window) natives(name string) []promtext.NativeSeries {
	earlier := map[string]promtext.Native{}
	if w.before != nil {
		for _, s := range w.before.Natives(name) {
			earlier[promtext.Key(s.Labels)] = s.Native
		}
	}
	all := slices.Clone(w.now.Natives(name))
	for i, s := range all {
		if was, ok := earlier[promtext.Key(s.Labels)]; ok {
			all[i].Native = s.Since(was)
		}
	}
	return all
}
