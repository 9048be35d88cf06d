package loadtest

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"testing"
)

// What is read of a small notation can be written and read again, and never is no number.
func FuzzNotations(f *testing.F) {
	for _, s := range []string{"p99<500ms", "tool.a.p99.9>=1.5s", "errors<1%", "0.1s..2s", "lognormal:1s,0.5", "10/30s", "90/m", "p50<10s,errors<1%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if th, err := ParseThreshold(s); err == nil {
			if again, err := ParseThreshold(th.Text); err != nil || again != th || math.IsNaN(th.Value) || th.Value < 0 {
				t.Fatalf("%+v, then %+v, %v", th, again, err)
			}
		}
		if th, err := ParseThink(s); err == nil {
			if d := th.Draw(newRand(1, 1)); d < 0 {
				t.Fatalf("%q draws %s", s, d)
			}
		}
		if b, err := ParseBurst(s); err == nil && (b.Calls < 1 || b.Rest <= 0) {
			t.Fatalf("%+v", b)
		}
		if r, err := ParseRate(s); err == nil && !(r > 0 && r <= maxRate) {
			t.Fatalf("%q is the rate %g", s, r)
		}
		_, _ = ParseObjectives(s)
	})
}

// A result file can be anything: it is refused, or all that is made of it is whole.
func FuzzReadResult(f *testing.F) {
	whole, err := json.Marshal(named("search"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"schema": "mcpdiag.loadtest/1", "steps": [{}], "series": [{}, {}], "openModel": {}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadResult(bytes.NewReader(data))
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
		for _, write := range []func(io.Writer) error{both.HTML, both.Markdown, both.JUnit} {
			if err := write(io.Discard); err != nil {
				t.Fatal(err)
			}
		}
	})
}
