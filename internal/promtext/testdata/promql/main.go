// Command promql prints what Prometheus itself computes of native histograms: it reads one
// per line as JSON, and writes the quantiles of each as a JSON list.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser/posrange"
)

type native struct {
	Schema             int32
	Zero, ZeroCount    float64
	Count, Sum         float64
	Positive, Negative map[int32]float64
	Quantiles          []float64
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var n native
		if err := json.Unmarshal(in.Bytes(), &n); err != nil {
			log.Fatal(err)
		}
		h := &histogram.FloatHistogram{Schema: n.Schema, ZeroThreshold: n.Zero, ZeroCount: n.ZeroCount, Count: n.Count, Sum: n.Sum}
		h.PositiveSpans, h.PositiveBuckets = spans(n.Positive)
		h.NegativeSpans, h.NegativeBuckets = spans(n.Negative)
		var texts []string // a JSON number is neither NaN nor infinite
		for _, q := range n.Quantiles {
			v, _ := promql.HistogramQuantile(q, h, "x", posrange.PositionRange{})
			texts = append(texts, strconv.FormatFloat(v, 'g', -1, 64))
		}
		if err := out.Encode(texts); err != nil {
			log.Fatal(err)
		}
	}
}

// spans returns buckets in the form of Prometheus, one span for each.
func spans(buckets map[int32]float64) (all []histogram.Span, counts []float64) {
	next := int32(0)
	for _, i := range slices.Sorted(maps.Keys(buckets)) {
		all = append(all, histogram.Span{Offset: i - next, Length: 1})
		counts = append(counts, buckets[i])
		next = i + 1
	}
	return all, counts
}
