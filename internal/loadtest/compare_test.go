package loadtest

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// simulated is a run of so many seconds, 100 calls in each, of a latency with
// the noise of a machine: each second has luck of its own.
func simulated(seed uint64, secondsLong int, ms, failing float64) *Result {
	r := newRand(seed, 99)
	h := hdrhistogram.New(1, int64(time.Hour/time.Microsecond), 3)
	res := &Result{Verdict: VerdictOK, Tool: "search", Users: 10}
	for t := range secondsLong {
		luck := math.Exp(0.1 * r.NormFloat64())
		second := Second{T: t}
		for range 100 {
			second.Calls++
			if r.Float64() < failing {
				second.Errors++
				continue
			}
			if err := h.RecordValue(int64(1000 * ms * luck * math.Exp(0.3*r.NormFloat64()))); err != nil {
				panic(err)
			}
		}
		second.P50, second.P99 = ms*luck, ms*luck*math.Exp(0.3*2.3+0.05*r.NormFloat64())
		res.Calls += second.Calls
		res.Failed += second.Errors
		res.Series = append(res.Series, second)
	}
	res.Succeeded = res.Calls - res.Failed
	res.CallsPerSecond = float64(res.Calls) / float64(secondsLong)
	res.Latency = Latency{Count: h.TotalCount(), P50: float64(h.ValueAtQuantile(50)) / 1000, P99: float64(h.ValueAtQuantile(99)) / 1000}
	data, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err)
	}
	res.Latency.Histogram = string(data)
	return res
}

func regressed(before, after *Result) (bool, string) {
	after.Compare(before, "old.json", DefaultTolerance)
	return after.Verdict == VerdictCrossed, strings.Join(after.Reasons, "; ")
}

// Noise is no regression, and a regression is none of the noise.
func TestCompareTellsRegressionsFromNoise(t *testing.T) {
	for _, c := range []struct {
		name        string
		long        int
		ms, failing float64
		least, most int // of 50 comparisons, called a regression
		because     string
	}{
		{name: "the same", long: 20, ms: 10, most: 1},
		{name: "the same, short", long: 3, ms: 10, most: 1},
		{name: "the same, with errors", long: 20, ms: 10, failing: 0.05, most: 1},
		{name: "a little slower", long: 20, ms: 10.3, most: 1},
		{name: "slower", long: 20, ms: 13, least: 48, most: 50, because: "p50 is worse than before"},
		{name: "much slower, short", long: 3, ms: 30, least: 49, most: 50, because: "p50 is worse"},
		{name: "faster", long: 20, ms: 6},
		{name: "failing", long: 20, ms: 10, failing: 0.1, least: 49, most: 50, because: "errors is worse than before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, last := 0, ""
			for seed := range uint64(50) {
				base := 0.0
				if strings.Contains(c.name, "same") {
					base = c.failing
				}
				worse, why := regressed(simulated(2*seed, c.long, 10, base), simulated(2*seed+1, c.long, c.ms, c.failing))
				if worse {
					found++
					last = why
				}
			}
			if found < c.least || found > c.most || found > 0 && !strings.Contains(last, c.because) {
				t.Errorf("%d of 50 were called a regression (%s), want %d to %d", found, last, c.least, c.most)
			}
		})
	}
}

func TestCompareSaysWhatDiffers(t *testing.T) {
	before, after := simulated(1, 10, 10, 0), simulated(2, 10, 10, 0)
	before.Tool, before.Users, before.Verdict = "echo", 5, VerdictWithheld
	after.Compare(before, "old.json", DefaultTolerance)
	warnings := strings.Join(after.Comparison.Warnings, "\n")
	for _, want := range []string{"the tools differed: echo before, search now", "number of users differed: 5 before, 10 now", "the generator was the limit"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("%q is not in\n%s", want, warnings)
		}
	}
}

// The normal approximation, worked out by hand: of the ties U is 3 of 25, its
// variance 25/12·(11 - 60/90).
func TestMannWhitney(t *testing.T) {
	of := func(values ...float64) []weighted {
		var out []weighted
		for _, v := range values {
			out = append(out, weighted{v, 1})
		}
		return out
	}
	for _, c := range []struct {
		name string
		a, b []weighted
		want float64
	}{
		{"apart", of(1, 2, 3, 4, 5, 6, 7, 8), of(11, 12, 13, 14, 15, 16, 17, 18), 0.0009391},
		{"ties", of(1, 1, 2, 2, 3), of(2, 3, 3, 4, 4), 0.0524124},
		{"equal", of(1, 2, 3), of(1, 2, 3), 1},
		{"one value", of(1, 1, 1), of(1, 1, 1), 1},
		{"too few", of(1), of(2, 3), 1},
	} {
		if got := mannWhitney(c.a, c.b); math.Abs(got-c.want) > 0.0001 {
			t.Errorf("%s: p is %.6f, want %.6f", c.name, got, c.want)
		}
		// A value that counts twice is a value that stands there twice.
		double := append(append([]weighted{}, c.a...), c.a...)
		for i := range c.a {
			c.a[i].weight = 2
		}
		if got, want := mannWhitney(c.a, c.b), mannWhitney(double, c.b); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: weighted %g, repeated %g", c.name, got, want)
		}
	}
}
