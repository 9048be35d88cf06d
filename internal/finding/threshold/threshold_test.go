package threshold

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// units are the metrics of the tests, one per unit.
func units(metric string) (Unit, error) {
	for name, unit := range map[string]Unit{
		"calls": Count, "heap": Megabytes, "oldest": Milliseconds, "p99": Latency, "errors": Share, "rate": Rate,
	} {
		if metric == name || strings.HasPrefix(metric, name+".") {
			return unit, nil
		}
	}
	return 0, errors.New("unknown metric")
}

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Condition{
		"heap>500MB":       {Metric: "heap", Op: Greater, Limit: 500, Unit: Megabytes},
		" heap >= 0.5GB ":  {Metric: "heap", Op: GreaterEqual, Limit: 512, Unit: Megabytes},
		"heap<600000kb":    {Metric: "heap", Op: Less, Limit: 600000.0 / 1024, Unit: Megabytes},
		"heap>12":          {Metric: "heap", Op: Greater, Limit: 12, Unit: Megabytes},
		"oldest>30":        {Metric: "oldest", Op: Greater, Limit: 30000, Unit: Milliseconds},
		"oldest>0.5m":      {Metric: "oldest", Op: Greater, Limit: 30000, Unit: Milliseconds},
		"p99<=1.5s":        {Metric: "p99", Op: LessEqual, Limit: 1500, Unit: Latency},
		"errors<1%":        {Metric: "errors", Op: Less, Limit: 0.01, Unit: Share},
		"errors<=0.5":      {Metric: "errors", Op: LessEqual, Limit: 0.5, Unit: Share},
		"rate>=200/s":      {Metric: "rate", Op: GreaterEqual, Limit: 200, Unit: Rate},
		"calls.a>b>=2e3":   {Metric: "calls.a>b", Op: GreaterEqual, Limit: 2000, Unit: Count},
		"calls.x = y < +3": {Metric: "calls.x = y", Op: Less, Limit: 3, Unit: Count},
	} {
		want.Text = strings.TrimSpace(text)
		if got, err := Parse(text, units); err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "invalid condition", "heap": "invalid condition", "heap>": "invalid condition", ">5": "invalid condition", "heap=5": "invalid condition",
		"heat>5": "unknown metric", "heap>many": "such as 500MB", "heap>NaN": "invalid limit", "heap>1e999": "invalid limit", "heap>MB": "invalid limit",
		"heap>0x1p4": "invalid limit", "calls>1_0": "invalid limit", "calls>-1": "invalid limit", "oldest>-3s": "invalid limit", "oldest>inf": "invalid limit",
		"p99<500": `"500" needs a unit, as in 500ms`, "p99<fast": "such as 500ms", "errors<5": "more than 100%", "errors<-1%": "invalid limit", "rate>NaN": "invalid limit",
	} {
		if got, err := Parse(text, units); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, error %v; want %q in it", text, got, err, want)
		}
	}
}

func TestHoldsAndFormat(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text   string
		v      float64
		holds  bool
		format string
	}{
		{"heap>500MB", 512, true, "512.0 MB"}, {"heap>512", 512, false, "512.0 MB"}, {"oldest<=31s", 31000, true, "31s"},
		{"errors<1%", 0.01, false, "1.0 %"}, {"calls>=5", 5, true, "5"},
	} {
		c, err := Parse(tc.text, units)
		if err != nil || c.Holds(tc.v) != tc.holds || c.Format(tc.v) != tc.format {
			t.Errorf("%s for %g: holds %t, format %q, %v", tc.text, tc.v, c.Holds(tc.v), c.Format(tc.v), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"heap>500MB", "calls.a>b>=2", "oldest<1m30s", " rate > 5/s ", "heap>nan", "p99<1.5s", "errors<1%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text, units)
		if err != nil {
			return
		}
		again, err := Parse(c.Text, units)
		if err != nil || again != c || math.IsNaN(c.Limit) || math.IsInf(c.Limit, 0) || c.Limit < 0 {
			t.Errorf("%q is %+v; parsed again it is %+v, %v", text, c, again, err)
		}
	})
}
