package promtext

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Series is the histogram of one label set.
type Series struct {
	Labels map[string]string // without "le"
	Histogram
}

// Names returns the names of all metrics that have samples, sorted.
func (m *Metrics) Names() []string { return slices.Sorted(maps.Keys(m.samples)) }

// Key writes labels without the ones in but in a form that is equal for equal sets.
func Key(labels map[string]string, but ...string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if !slices.Contains(but, name) {
			b.WriteString(name + "=" + strconv.Quote(labels[name]) + ",")
		}
	}
	return b.String()
}

// Histograms returns the classic histograms of name, without "_bucket", one for each
// label set, in the order of their keys.
func (m *Metrics) Histograms(name string) []Series {
	byKey := map[string]*Series{}
	counts := map[string]map[float64]float64{}
	for _, sample := range m.samples[name+"_bucket"] {
		upper, err := strconv.ParseFloat(sample.Labels["le"], 64)
		if err != nil || math.IsNaN(upper) || !(sample.Value >= 0) || math.IsInf(sample.Value, 1) {
			continue
		}
		key := Key(sample.Labels, "le")
		if byKey[key] == nil {
			labels := maps.Clone(sample.Labels)
			delete(labels, "le")
			byKey[key], counts[key] = &Series{Labels: labels}, map[float64]float64{}
		}
		counts[key][upper] = sample.Value
	}
	for _, sample := range m.samples[name+"_sum"] {
		if s := byKey[Key(sample.Labels)]; s != nil && !math.IsNaN(sample.Value) && !math.IsInf(sample.Value, 0) {
			s.Sum = sample.Value
		}
	}
	var all []Series
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		byKey[key].fill(counts[key])
		all = append(all, *byKey[key])
	}
	return all
}

// fill sets the buckets of h from the counts by upper bound. A scrape is not atomic:
// counts that fall slightly are mended.
func (h *Histogram) fill(counts map[float64]float64) {
	for upper, count := range counts {
		h.Buckets = append(h.Buckets, Bucket{upper, count})
	}
	slices.SortFunc(h.Buckets, func(a, b Bucket) int { return cmp.Compare(a.Upper, b.Upper) })
	for i := range h.Buckets[min(1, len(h.Buckets)):] {
		if h.Buckets[i+1].Count < h.Buckets[i].Count {
			h.Buckets[i+1].Count, h.Mended = h.Buckets[i].Count, true
		}
	}
	if len(h.Buckets) > 0 {
		h.Count = h.Buckets[len(h.Buckets)-1].Count
	}
}

// Plus returns the observations of both histograms, in the buckets that both have.
func (h Histogram) Plus(other Histogram) Histogram {
	if len(h.Buckets) == 0 {
		return other
	}
	out := Histogram{Sum: h.Sum + other.Sum, Count: h.Count + other.Count, Mended: h.Mended || other.Mended}
	for _, b := range h.Buckets {
		i := slices.IndexFunc(other.Buckets, func(o Bucket) bool { return o.Upper == b.Upper })
		if i >= 0 {
			out.Buckets = append(out.Buckets, Bucket{b.Upper, b.Count + other.Buckets[i].Count})
		}
	}
	return out
}
