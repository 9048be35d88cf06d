package result

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// A result file can be anything: it is refused, or all that is made of it is whole.
func FuzzReadResult(f *testing.F) {
	whole, err := json.Marshal(named("search"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"schema": "mcpdiag.loadtest/1", "steps": [{}], "series": [{}, {}], "openModel": {}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		both, err := Merge([]*Result{r, r})
		if err != nil {
			return
		}
		both.Compare(r, "old.json", DefaultTolerance)
		if _, err := json.Marshal(both); err != nil {
			t.Fatal(err)
		}
		for _, write := range []func(io.Writer) error{both.HTML, both.Report().Markdown, both.Report().JUnit} {
			if err := write(io.Discard); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestMergeAddsUp(t *testing.T) {
	a, b := named("search"), named("search")
	a.Latency.P50, a.Series = 0, a.Series[:5]
	both, err := Merge([]*Result{roundTrip(t, a), roundTrip(t, b)})
	if err != nil {
		t.Fatal(err)
	}
	if both.Calls != 2*b.Calls || both.Users != 2*b.Users || both.Latency.Count != 2*b.Latency.Count || both.Steps[0].Calls != 10 || both.Errors[0].Count != 6 {
		t.Errorf("the sum of two equal runs: %+v", both)
	}
	// Of two equal distributions the percentiles are those of one.
	if both.Latency.P50 != b.Latency.P50 || both.Latency.P99 != b.Latency.P99 {
		t.Errorf("p50 %g and p99 %g, want %g and %g", both.Latency.P50, both.Latency.P99, b.Latency.P50, b.Latency.P99)
	}
	if len(both.Series) != 12 || both.Series[0].Calls != 200 || both.Series[11].Calls != 100 {
		t.Errorf("the series is %+v", both.Series)
	}
	if len(both.Checks) != 0 || both.Comparison != nil {
		t.Error("thresholds of one run are held against the sum")
	}
}

func roundTrip(t *testing.T, r *Result) *Result {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func TestReadResultRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"": "not the JSON of a load test", "[]": "not the JSON", `{"schema": "mcpdiag.loadtest/9"}`: `its schema is "mcpdiag.loadtest/9"`, `{}`: `its schema is ""`,
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q in it", text, err, want)
		}
	}
	broken := named("x")
	broken.Latency.Histogram = "AAAA"
	if _, err := Merge([]*Result{broken, named("x")}); err == nil || !strings.Contains(err.Error(), "reading a histogram") {
		t.Errorf("a broken histogram: %v", err)
	}
}
