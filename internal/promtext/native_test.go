package promtext

import (
	"bytes"
	"math"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"
)

// The expected values are those of Prometheus, published in its native_histograms.test.
func TestNativeQuantiles(t *testing.T) {
	t.Parallel()
	counts := map[int32]float64{0: 2, 1: 3, 3: 1, 4: 4}
	single := map[int32]float64{0: 1, 1: 2, 2: 1}
	for _, tc := range []struct {
		name string
		n    Native
		want map[float64]float64
	}{
		{"positive and zero", Native{Zero: 0.001, ZeroCount: 2, Count: 12, Positive: counts}, map[float64]float64{1: 16, 0.99: 15.67072476139083, 0.9: 12.99603834169977, 0.6: 4.594793419988138, 0.5: 1.5874010519681994, 0.1: 0.0006}},
		{"negative and zero", Native{Zero: 0.001, ZeroCount: 2, Count: 12, Negative: counts}, map[float64]float64{0.99: -0.00006, 0.9: -0.0006, 0.5: -1.5874010519681996, 0.1: -12.996038341699768}},
		{"single", Native{Count: 4, Positive: single}, map[float64]float64{0.5: 1.414213562373095}},
		{"mirrored", Native{Count: 4, Negative: single}, map[float64]float64{0.5: -1.414213562373095}},
		{"only zero", Native{Zero: 0.5, ZeroCount: 1, Count: 1}, map[float64]float64{0.5: 0}},
	} {
		for q, want := range tc.want {
			got, ok := tc.n.Histogram().Quantile(q)
			if !ok || math.Abs(got.Estimate-want) > 1e-12 || got.Low > want || got.High < want {
				t.Errorf("%s: quantile %g is %+v, want %g", tc.name, q, got, want)
			}
		}
	}
}

// Two readings are subtracted, and two schemas are added in the coarser one.
func TestNativeArithmetic(t *testing.T) {
	t.Parallel()
	before := Native{Count: 3, Sum: 3, Positive: map[int32]float64{0: 1, 1: 2}}
	now := Native{Count: 6, Sum: 9, Positive: map[int32]float64{0: 1, 1: 3, 2: 2}}
	d := now.Since(before)
	if d.Count != 3 || d.Sum != 6 || d.Positive[0] != 0 || d.Positive[1] != 1 || d.Positive[2] != 2 {
		t.Errorf("difference %+v", d)
	}
	if again := before.Since(now); again.Count != 3 || again.Positive[1] != 2 {
		t.Errorf("after a restart %+v", again)
	}
	coarse := Native{Schema: -1, Count: 1, Sum: 4, Positive: map[int32]float64{1: 1}}
	sum := coarse.Plus(Native{Count: 4, Sum: 4, Positive: map[int32]float64{1: 2, 2: 2}})
	if sum.Schema != -1 || sum.Count != 5 || sum.Positive[1] != 5 {
		t.Errorf("sum %+v", sum)
	}
}

// page encodes families in the protobuf format.
func protoPage(t testing.TB, families ...*dto.MetricFamily) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, f := range families {
		if _, err := protodelim.MarshalTo(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func someFamilies() []*dto.MetricFamily {
	label := []*dto.LabelPair{{Name: new("tool"), Value: new("a")}}
	return []*dto.MetricFamily{
		{Name: new("calls_total"), Type: dto.MetricType_COUNTER.Enum(), Metric: []*dto.Metric{{Label: label, Counter: &dto.Counter{Value: new(7.0)}}}},
		{Name: new("classic"), Type: dto.MetricType_HISTOGRAM.Enum(), Metric: []*dto.Metric{{Label: label, Histogram: &dto.Histogram{
			SampleCount: proto.Uint64(5), SampleSum: new(3.0), Bucket: []*dto.Bucket{{UpperBound: new(1.0), CumulativeCount: proto.Uint64(4)}}}}}},
		{Name: new("native"), Type: dto.MetricType_HISTOGRAM.Enum(), Metric: []*dto.Metric{{Label: label, Histogram: &dto.Histogram{
			SampleCount: proto.Uint64(6), SampleSum: new(9.0), Schema: proto.Int32(0), ZeroThreshold: new(1e-128),
			PositiveSpan: []*dto.BucketSpan{{Offset: proto.Int32(0), Length: proto.Uint32(2)}, {Offset: proto.Int32(1), Length: proto.Uint32(1)}}, PositiveDelta: []int64{1, 2, -1}}}}},
	}
}

func TestParseProto(t *testing.T) {
	t.Parallel()
	m, err := ParseProto(protoPage(t, someFamilies()...))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := m.Sum(Selector{Name: "calls_total"}); !ok || v != 7 || m.Kind("calls_total") != Counter {
		t.Errorf("counter %g", v)
	}
	if h, ok := selected(m, Selector{Name: "classic"}); !ok || h.Count != 5 || len(h.Buckets) != 2 {
		t.Errorf("classic %+v", h)
	}
	n := m.Natives("native")
	if len(n) != 1 || n[0].Labels["tool"] != "a" || n[0].Positive[0] != 1 || n[0].Positive[1] != 3 || n[0].Positive[3] != 2 {
		t.Errorf("native %+v", n)
	}
	for _, page := range []string{"", "a 1\n", "\xff\xff\xff\xff\x0f"} {
		if _, err := ParseProto([]byte(page)); err == nil {
			t.Errorf("%q is a page", page)
		}
	}
}

func FuzzParseProto(f *testing.F) {
	f.Add(protoPage(f, someFamilies()...), 0.9)
	f.Fuzz(func(t *testing.T, page []byte, q float64) {
		m, err := ParseProto(page)
		if err != nil {
			return
		}
		for _, name := range m.NativeNames() {
			for _, n := range m.Natives(name) {
				got, ok := n.Since(n.Native).Plus(n.Native).Histogram().Quantile(q)
				if ok && !(got.Low <= got.Estimate && got.Estimate <= got.High) {
					t.Errorf("quantile %g of %+v is %+v", q, n, got)
				}
			}
		}
	})
}
