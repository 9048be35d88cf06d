package plan

import (
	"strings"
	"testing"
)

func TestParseThreshold(t *testing.T) {
	for _, c := range []struct {
		text string
		want Threshold
		err  string
	}{
		{text: "p99<500ms", want: Threshold{Metric: "p99", Op: "<", Value: 500}},
		{text: " p99.9 <= 1.5s ", want: Threshold{Metric: "p99.9", Op: "<=", Value: 1500}},
		{text: "errors<1%", want: Threshold{Metric: "errors", Op: "<", Value: 0.01}},
		{text: "errors<=0", want: Threshold{Metric: "errors", Op: "<="}},
		{text: "rate>=200/s", want: Threshold{Metric: "rate", Op: ">=", Value: 200}},
		{text: "tool.search.p95<2s", want: Threshold{Step: "search", Metric: "p95", Op: "<", Value: 2000}},
		{text: "tool.a.b.p99.9<2s", want: Threshold{Step: "a.b", Metric: "p99.9", Op: "<", Value: 2000}},
		{text: "tool.errors.errors<2%", want: Threshold{Step: "errors", Metric: "errors", Op: "<", Value: 0.02}},
		{text: "step.resource:file:///a<b.p50<1s", want: Threshold{Step: "resource:file:///a<b", Metric: "p50", Op: "<", Value: 1000}},
		{text: "p98<500ms", err: `unknown metric "p98"; known are p50`},
		{text: "tool..p99<1s", err: "unknown metric"},
		{text: "tool.p99<1s", err: "unknown metric"},
		{text: "p99", err: "invalid condition"},
		{text: "p99<", err: "invalid condition"},
		{text: "p99<500", err: `"500" needs a unit, as in 500ms`},
		{text: "p99<fast", err: "such as 500ms"},
		{text: "errors<5", err: "more than 100%"},
		{text: "errors<-1%", err: "invalid limit"},
		{text: "rate>NaN", err: "invalid limit"},
	} {
		got, err := ParseThreshold(c.text)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: got error %v, want %q in it", c.text, err, c.err)
			}
			continue
		}
		c.want.Text = strings.TrimSpace(c.text)
		if err != nil || got != c.want {
			t.Errorf("%q: got %+v, %v", c.text, got, err)
		}
	}
}
