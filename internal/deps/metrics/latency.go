package metrics

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/promtext"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// endpointLabels distinguish the endpoints of one histogram, in the order of display.
var endpointLabels = []string{"mcp_method_name", "rpc_method", "method", "http_request_method", "endpoint", "route", "http_route", "path", "handler", "tool", "gen_ai_tool_name", "tool_name"}

// Endpoint is the latency of one endpoint as a histogram has it. Its share is that of
// the time of all endpoints of the same metric.
type Endpoint struct {
	Metric    string     `json:"metric"`
	Endpoint  string     `json:"endpoint"`
	Count     float64    `json:"count"`
	Sum       float64    `json:"sum"`
	Share     float64    `json:"share_of_time"`
	Mean      float64    `json:"mean"`
	Quantiles []Quantile `json:"quantiles"`

	unit unit
}

// Quantile is a quantile with the bounds of its bucket. In the last bucket, which has no
// upper bound, Estimate and High are absent.
type Quantile struct {
	Q        float64  `json:"q"`
	Estimate *float64 `json:"estimate,omitempty"`
	Low      *float64 `json:"low,omitempty"` // absent for -Inf
	High     *float64 `json:"high,omitempty"`
}

// quantiles are computed for each endpoint.
var quantiles = []float64{0.5, 0.95, 0.99}

// unit converts the values of a metric to seconds; 0 is a metric of something else.
type unit float64

func unitOf(name string) unit {
	for _, u := range []struct {
		suffix string
		unit   unit
	}{{"_milliseconds", 1e-3}, {"_ms", 1e-3}, {"_microseconds", 1e-6}, {"_us", 1e-6}, {"_seconds", 1}, {"_duration", 1}, {"_latency", 1}} {
		if strings.HasSuffix(name, u.suffix) {
			return u.unit
		}
	}
	return 0
}

func (u unit) format(v float64) string {
	if u == 0 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return report.Millis(v * float64(u) * 1000)
}

// endpoints collects the latencies of all histograms, those with the largest share of
// the time first within a metric.
func (j *judge) endpoints() {
	for _, name := range j.window.now.Names() {
		base, ok := strings.CutSuffix(name, "_bucket")
		if !ok {
			continue
		}
		j.result.Endpoints = append(j.result.Endpoints, j.endpointsOf(base)...)
	}
	for _, name := range j.window.now.NativeNames() {
		j.result.Endpoints = append(j.result.Endpoints, j.nativeEndpoints(name)...)
	}
}

func (j *judge) nativeEndpoints(metric string) []Endpoint {
	merged := map[string]promtext.Native{}
	total := 0.0
	for _, s := range j.window.natives(metric) {
		key := endpointOf(s.Labels)
		merged[key] = merged[key].Plus(s.Native)
		total += s.Sum
	}
	groups := map[string]promtext.Histogram{}
	for key, n := range merged {
		groups[key] = n.Histogram()
	}
	return sorted(metric, groups, total)
}

func (j *judge) endpointsOf(metric string) []Endpoint {
	groups := map[string]promtext.Histogram{}
	total, mended := 0.0, false
	for _, s := range j.window.histograms(metric) {
		key := endpointOf(s.Labels)
		groups[key] = groups[key].Plus(s.Histogram)
		total += s.Sum
		mended = mended || s.Mended
	}
	if mended {
		j.warn("%s: the count of a bucket is below that of a smaller one; it was raised", metric)
	}
	return sorted(metric, groups, total)
}

// sorted returns the endpoints of a metric, those with the most time first.
func sorted(metric string, groups map[string]promtext.Histogram, total float64) []Endpoint {
	var all []Endpoint
	for key, h := range groups {
		if h.Count > 0 {
			all = append(all, newEndpoint(metric, key, h, total))
		}
	}
	slices.SortFunc(all, func(a, b Endpoint) int {
		return cmp.Or(-cmp.Compare(a.Sum, b.Sum), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	return all
}

// endpointOf names the endpoint of a label set: "tools/call search".
func endpointOf(labels map[string]string) string {
	var parts []string
	for _, name := range endpointLabels {
		if v := labels[name]; v != "" && !slices.Contains(parts, v) {
			parts = append(parts, v)
		}
	}
	return cmp.Or(strings.Join(parts, " "), "all")
}

func newEndpoint(metric, key string, h promtext.Histogram, total float64) Endpoint {
	e := Endpoint{Metric: metric, Endpoint: key, Count: h.Count, Sum: h.Sum, Mean: h.Sum / h.Count, unit: unitOf(metric)}
	if total > 0 {
		e.Share = h.Sum / total
	}
	for _, q := range quantiles {
		if h.Count < math.Round(1/(1-q)) { // too few to have an observation above it
			continue
		}
		if v, ok := h.Quantile(q); ok {
			e.Quantiles = append(e.Quantiles, newQuantile(q, v))
		}
	}
	return e
}

func newQuantile(q float64, v promtext.Quantile) Quantile {
	out := Quantile{Q: q}
	if !math.IsInf(v.Low, 0) {
		out.Low = &v.Low
	}
	if !math.IsInf(v.High, 0) {
		out.High, out.Estimate = &v.High, &v.Estimate
	}
	return out
}

// text writes a quantile with its bounds: "1.2s (1s–2.5s)", "> 10s".
func (q Quantile) text(u unit) string {
	switch {
	case q.High == nil && q.Low == nil:
		return "unknown"
	case q.High == nil:
		return "> " + u.format(*q.Low)
	case q.Low == nil:
		return "≤ " + u.format(*q.High)
	}
	return fmt.Sprintf("%s (%s–%s)", u.format(*q.Estimate), u.format(*q.Low), u.format(*q.High))
}

// quantile returns the quantile q as text, "-" if there are too few observations.
func (e Endpoint) quantile(q float64) string {
	for _, v := range e.Quantiles {
		if v.Q == q {
			return v.text(e.unit)
		}
	}
	return "-"
}

// isRequest reports whether the metric measures requests, not sessions or the runtime.
func (e Endpoint) isRequest() bool {
	for _, other := range []string{"session", "connection", "stream", "gc_", "eventloop", "scrape"} {
		if strings.Contains(e.Metric, other) {
			return false
		}
	}
	return e.unit != 0
}

// slowerThan reports whether the bucket of the 99 % quantile lies above limit.
func (e Endpoint) slowerThan(limit time.Duration) bool {
	for _, v := range e.Quantiles {
		if v.Q == 0.99 && v.Low != nil && *v.Low*float64(e.unit) >= limit.Seconds() {
			return true
		}
	}
	return false
}

// Summary is a summary as the server computed it, over a window of its own.
type Summary struct {
	Metric    string             `json:"metric"`
	Labels    string             `json:"labels,omitempty"`
	Quantiles map[string]float64 `json:"quantiles"`
	Mean      *float64           `json:"mean,omitempty"` // of the difference; absent without a call

	unit unit
}

func (j *judge) summaries() {
	for _, name := range j.window.now.Names() {
		byKey := map[string]*Summary{}
		for _, s := range j.window.now.Samples(name) {
			q, ok := s.Labels["quantile"]
			if !ok || math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
				continue
			}
			key := promtext.Key(s.Labels, "quantile")
			if byKey[key] == nil {
				byKey[key] = &Summary{Metric: name, Labels: strings.TrimSuffix(key, ","), Quantiles: map[string]float64{}, unit: unitOf(name)}
			}
			byKey[key].Quantiles[q] = s.Value
		}
		if len(byKey) > 0 {
			j.means(name, byKey)
		}
	}
}

// means adds the mean of the difference to each summary of a metric.
func (j *judge) means(name string, byKey map[string]*Summary) {
	sums := map[string]float64{}
	for _, g := range j.window.growths(name + "_sum") {
		sums[promtext.Key(g.labels)] = g.value
	}
	for _, g := range j.window.growths(name + "_count") {
		if s := byKey[promtext.Key(g.labels)]; s != nil && g.value > 0 {
			mean := sums[promtext.Key(g.labels)] / g.value
			s.Mean = &mean
		}
	}
	for _, key := range sortedKeys(byKey) {
		j.result.Summaries = append(j.result.Summaries, *byKey[key])
	}
}
