package promtext

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const page = `# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3
# TYPE rpc_seconds histogram
rpc_seconds_bucket{tool="a",le="0.1"} 10
rpc_seconds_bucket{tool="a",le="0.5"} 30
rpc_seconds_bucket{tool="a",le="+Inf"} 40 # {trace_id="x"} 0.6
rpc_seconds_bucket{tool="b",le="0.1"} 0
rpc_seconds_bucket{tool="b",le="0.5"} 5
rpc_seconds_bucket{tool="b",le="+Inf"} 5
rpc_seconds_sum{tool="a"} 20.5
rpc_seconds_count{tool="a"} 40
# TYPE gc summary
gc{quantile="0.5"} 0.002
gc{quantile="0.99"} NaN
gc_sum 17
windows{path="C:\\DIR\\",msg="say \"hi\"\n"} +Inf
{"dotted.name","odd label"="x"} 5
# TYPE events counter
events_total 4
# EOF
`

func TestParse(t *testing.T) {
	t.Parallel()
	m, err := Parse([]byte(page + "not a sample\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]float64{
		"http_requests_total": 1030, `http_requests_total{code="200"}`: 1027, `http_requests_total{code="*",method="post"}`: 1030,
		"gc_sum": 17, "dotted.name": 5, "events_total": 4,
	} {
		s, err := ParseSelector(text)
		if got, ok := m.Sum(s); err != nil || !ok || got != want {
			t.Errorf("%s is %g, %t, %v; want %g", text, got, ok, err, want)
		}
	}
	for _, text := range []string{`http_requests_total{code="500"}`, `http_requests_total{user="*"}`, "windows", "nothing"} {
		s, _ := ParseSelector(text)
		if got, ok := m.Sum(s); ok {
			t.Errorf("%s is %g, want none", text, got)
		}
	}
	want := map[string]string{"path": `C:\DIR\`, "msg": "say \"hi\"\n"}
	if diff := cmp.Diff(want, m.Samples("windows")[0].Labels); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for name, want := range map[string]Kind{"http_requests_total": Counter, "rpc_seconds": Histo, "events_total": Counter, "gc": Summary, "windows": Untyped} {
		if got := m.Kind(name); got != want {
			t.Errorf("%s is a %s, want %s", name, got, want)
		}
	}
	if m.Skipped != 1 {
		t.Errorf("%d lines skipped, want 1", m.Skipped)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "it has no sample", "# only a comment\n": "it has no sample", "{}": "no metric with a value", "a": "no value", "a b": `invalid value "b"`,
		`a{b="c" 1`: "unterminated labels", `a{b="c} 1`: "unterminated label value", "a{b=c} 1": "without quotes", "{a": "unterminated labels", "a{}": "no metric with a value",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", text, err, want)
		}
	}
	for _, text := range []string{"", "1a", "a{b}", "a{b=c}", `a{b="c"`, "a b"} {
		if s, err := ParseSelector(text); err == nil {
			t.Errorf("selector %q is %+v", text, s)
		}
	}
}

// The expected values are those of Prometheus' histogram_quantile.
func TestQuantile(t *testing.T) {
	t.Parallel()
	m, err := Parse([]byte(page))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		selector string
		q        float64
		want     Quantile
	}{
		{`rpc_seconds{tool="a"}`, 0.5, Quantile{0.3, 0.1, 0.5}},
		{`rpc_seconds{tool="a"}`, 0.1, Quantile{0.04, 0, 0.1}},
		{`rpc_seconds{tool="a"}`, 0.99, Quantile{0.5, 0.5, math.Inf(1)}},
		{`rpc_seconds{tool="b"}`, 1, Quantile{0.5, 0.1, 0.5}},
		{`rpc_seconds`, 0.5, Quantile{0.3, 0.1, 0.5}},
	} {
		s, _ := ParseSelector(tc.selector)
		h, ok := selected(m, s)
		got, known := h.Quantile(tc.q)
		if !ok || !known || math.Abs(got.Estimate-tc.want.Estimate) > 1e-9 || got.Low != tc.want.Low || got.High != tc.want.High {
			t.Errorf("%s: quantile %g is %+v, want %+v", tc.selector, tc.q, got, tc.want)
		}
	}
	if _, ok := selected(m, Selector{Name: "gc"}); ok {
		t.Error("gc is not a histogram")
	}
	if _, ok := (Histogram{}).Quantile(0.5); ok {
		t.Error("a quantile of nothing")
	}
}

// selected adds up the histograms that s selects.
func selected(m *Metrics, s Selector) (h Histogram, ok bool) {
	for _, series := range m.Histograms(s.Name) {
		if s.Matches(series.Labels) {
			h = h.Plus(series.Histogram)
		}
	}
	return h, h.Count > 0
}

func TestHistogramSince(t *testing.T) {
	t.Parallel()
	earlier := Histogram{Buckets: []Bucket{{1, 4}, {math.Inf(1), 10}}, Sum: 12, Count: 10}
	now := Histogram{Buckets: []Bucket{{1, 8}, {math.Inf(1), 15}}, Sum: 20, Count: 15}
	want := Histogram{Buckets: []Bucket{{1, 4}, {math.Inf(1), 5}}, Sum: 8, Count: 5}
	if diff := cmp.Diff(want, now.Since(earlier)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(earlier, earlier.Since(now)); diff != "" {
		t.Errorf("after a restart (-want +got)\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(page), `a{b="c"}`, 0.5)
	f.Add([]byte(`a_bucket{le="-1"} 3`+"\n"+`a_bucket{le="1"} 2`), "a", 0.9)
	f.Fuzz(func(t *testing.T, data []byte, selector string, q float64) {
		m, err := Parse(data)
		s, selErr := ParseSelector(selector)
		if err != nil || selErr != nil {
			return
		}
		_, _ = m.Sum(s)
		h, _ := selected(m, s)
		if got, ok := h.Quantile(q); ok && !(got.Low <= got.High && got.Estimate >= got.Low && got.Estimate <= got.High) {
			t.Errorf("quantile %g of %+v is %+v", q, h, got)
		}
	})
}
