package plan

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestParseThink(t *testing.T) {
	for text, want := range map[string]Think{
		"1":                     {Least: time.Second, Most: time.Second},
		"0.1s..2s":              {Least: 100 * time.Millisecond, Most: 2 * time.Second},
		"0..500ms":              {Most: 500 * time.Millisecond},
		"lognormal:1s,0.5":      {Median: time.Second, Sigma: 0.5},
		"lognormal:300ms, 0.25": {}, // no space
		"2s..1s":                {}, "soon": {}, "-1s": {}, "1s..": {}, "lognormal:1s": {}, "lognormal:0,1": {}, "lognormal:1s,NaN": {}, "1s..2s..3s": {},
	} {
		got, err := ParseThink(text)
		if got != want || (err == nil) != (want != Think{}) {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
		if err == nil {
			if again, err := ParseThink(got.String()); again != got || err != nil {
				t.Errorf("%q written as %q reads as %+v, %v", text, got, again, err)
			}
		}
	}
}

func TestThinkDraws(t *testing.T) {
	const n = 20_000
	r := NewRand(1, 1)
	draw := func(th Think) []time.Duration {
		drawn := make([]time.Duration, n)
		for i := range drawn {
			drawn[i] = th.Draw(r)
		}
		slices.Sort(drawn)
		return drawn
	}
	even := draw(Think{Least: time.Second, Most: 3 * time.Second})
	if even[0] < time.Second || even[n-1] > 3*time.Second || (even[n/4]-1500*time.Millisecond).Abs() > 50*time.Millisecond {
		t.Errorf("1s..3s: least %v, quartile %v, most %v", even[0], even[n/4], even[n-1])
	}
	skewed := draw(Think{Median: time.Second, Sigma: 0.5})
	if p84 := skewed[n*8413/10000].Seconds(); math.Abs(skewed[n/2].Seconds()-1) > 0.03 || math.Abs(p84-math.Exp(0.5)) > 0.06 {
		t.Errorf("lognormal:1s,0.5: median %v, one sigma above %v", skewed[n/2], p84)
	}
}

func TestParseRateAndBurst(t *testing.T) {
	for text, want := range map[string]float64{"200": 200, "200/s": 200, "90/m": 1.5, "0.5/s": 0.5, "0": 0, "-1": 0, "1/d": 0, "NaN": 0, "1e9": 0, "x": 0} {
		got, err := ParseRate(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: got %g, %v", text, got, err)
		}
	}
	for text, want := range map[string]Burst{"10/30s": {10, 30 * time.Second}, "5/2": {5, 2 * time.Second}, "10": {}, "0/1s": {}, "1/0": {}, "": {}} {
		got, err := ParseBurst(text)
		if got != want || (err == nil) != (want != Burst{}) {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}
