package promtext

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protodelim"
)

// ProtoType is the media type of the protobuf format, the only one with native histograms.
const ProtoType = "application/vnd.google.protobuf"

// Accept is the header that asks for all formats that are read here, protobuf first.
const Accept = ProtoType + ";proto=io.prometheus.client.MetricFamily;encoding=delimited, application/openmetrics-text;q=0.6, text/plain;version=0.0.4;q=0.5, */*;q=0.1"

// ParseProto reads a page in the protobuf format.
func ParseProto(page []byte) (*Metrics, error) {
	m := newMetrics()
	options := protodelim.UnmarshalOptions{MaxSize: int64(len(page))}
	for in := bufio.NewReader(bytes.NewReader(page)); ; {
		var family dto.MetricFamily
		if err := options.UnmarshalFrom(in, &family); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("not the protobuf format of Prometheus: %w", err)
		}
		m.family(&family)
	}
	if m.n == 0 {
		return nil, errors.New("not the protobuf format of Prometheus: it has no sample")
	}
	return m, nil
}

func (m *Metrics) family(f *dto.MetricFamily) {
	name := f.GetName()
	m.kinds[name] = Kind(strings.ToLower(f.GetType().String()))
	for _, metric := range f.GetMetric() {
		labels := map[string]string{}
		for _, pair := range metric.GetLabel() {
			labels[pair.GetName()] = pair.GetValue()
		}
		switch {
		case metric.Counter != nil:
			m.sample(name, labels, metric.Counter.GetValue())
		case metric.Gauge != nil:
			m.sample(name, labels, metric.Gauge.GetValue())
		case metric.Untyped != nil:
			m.sample(name, labels, metric.Untyped.GetValue())
		case metric.Summary != nil:
			for _, q := range metric.Summary.GetQuantile() {
				m.sample(name, with(labels, "quantile", q.GetQuantile()), q.GetValue())
			}
			m.totals(name, labels, metric.Summary.GetSampleSum(), float64(metric.Summary.GetSampleCount()))
		case metric.Histogram != nil:
			m.histogram(name, labels, metric.Histogram)
		}
	}
}

func (m *Metrics) sample(name string, labels map[string]string, v float64) {
	if m.n >= MaxSamples {
		m.Skipped++
		return
	}
	m.samples[name] = append(m.samples[name], Sample{labels, v})
	m.n++
}

func (m *Metrics) totals(name string, labels map[string]string, sum, count float64) {
	m.sample(name+"_sum", labels, sum)
	m.sample(name+"_count", labels, count)
}

// with returns labels with a number as one more label.
func with(labels map[string]string, name string, v float64) map[string]string {
	out := maps.Clone(labels)
	out[name] = strconv.FormatFloat(v, 'g', -1, 64)
	return out
}

func (m *Metrics) histogram(name string, labels map[string]string, h *dto.Histogram) {
	count := max(float64(h.GetSampleCount()), h.GetSampleCountFloat())
	m.totals(name, labels, h.GetSampleSum(), count)
	m.kinds[name] = Histo
	if h.Schema != nil && (h.GetZeroThreshold() > 0 || len(h.GetPositiveSpan())+len(h.GetNegativeSpan()) > 0) {
		m.native(name, labels, h, count)
		return
	}
	for _, b := range h.GetBucket() {
		m.sample(name+"_bucket", with(labels, "le", b.GetUpperBound()), max(float64(b.GetCumulativeCount()), b.GetCumulativeCountFloat()))
	}
	if n := len(h.GetBucket()); n > 0 && !math.IsInf(h.GetBucket()[n-1].GetUpperBound(), 1) {
		m.sample(name+"_bucket", with(labels, "le", math.Inf(1)), count)
	}
}

// native keeps a native histogram of one of the exponential schemas.
func (m *Metrics) native(name string, labels map[string]string, h *dto.Histogram, count float64) {
	if h.GetSchema() < -4 || h.GetSchema() > 8 {
		m.Skipped++
		return
	}
	m.natives[name] = append(m.natives[name], NativeSeries{labels, Native{
		Schema: h.GetSchema(), Zero: h.GetZeroThreshold(), ZeroCount: max(float64(h.GetZeroCount()), h.GetZeroCountFloat()), Count: count, Sum: h.GetSampleSum(),
		Positive: spread(h.GetPositiveSpan(), h.GetPositiveDelta(), h.GetPositiveCount()), Negative: spread(h.GetNegativeSpan(), h.GetNegativeDelta(), h.GetNegativeCount()),
	}})
}

// spread returns the counts of the buckets that spans name. Counts of integers are
// differences from bucket to bucket.
func spread(spans []*dto.BucketSpan, deltas []int64, counts []float64) map[int32]float64 {
	out := map[int32]float64{}
	var index int32
	var sum, next int64
	for _, span := range spans {
		index += span.GetOffset()
		for range span.GetLength() {
			switch {
			case next < int64(len(deltas)):
				sum += deltas[next]
				out[index] = max(0, float64(sum))
			case next < int64(len(counts)):
				out[index] = max(0, counts[next])
			default:
				return out
			}
			next++
			index++
		}
	}
	return out
}
