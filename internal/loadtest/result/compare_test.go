package result

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// simulated is a run of so many seconds, 100 calls in each, of a latency with
// the noise of a machine: each second has luck of its own.
func simulated(seed uint64, secondsLong int, ms, failing float64) *Result {
	return simulatedAt(seed, secondsLong, 100, ms, failing)
}

func simulatedAt(seed uint64, secondsLong, perSecond int, ms, failing float64) *Result {
	r := plan.NewRand(seed, 99)
	h := hdrhistogram.New(1, int64(10*time.Second/time.Microsecond), 3)
	res := &Result{Verdict: VerdictOK, Tool: "search", Users: 10}
	for t := range secondsLong {
		luck := math.Exp(0.1 * r.NormFloat64())
		second := Second{T: t}
		var took []float64
		for range perSecond {
			second.Calls++
			if r.Float64() < failing {
				second.Errors++
				continue
			}
			one := ms * luck * math.Exp(0.3*r.NormFloat64())
			if err := h.RecordValue(int64(1000 * one)); err != nil {
				panic(err)
			}
			took = append(took, one)
		}
		if n := len(took); n > 0 {
			slices.Sort(took)
			second.P50, second.P99 = took[n/2], took[n*99/100]
		}
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
	processtest.NeedsThorough(t)
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
			t.Parallel()
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

// Of equal runs few are called worse, whatever their length, how many calls they
// have and how many steps; a median that doubled is found from 60 calls a side on.
func TestCompareHasPower(t *testing.T) {
	processtest.NeedsThorough(t)
	for _, c := range []struct {
		name            string
		long, perSecond int
		steps           int
	}{
		{"many calls", 10, 100, 1},
		{"few calls", 10, 6, 1},
		{"few calls, short", 3, 20, 1},
		{"many steps", 10, 100, 6},
		{"long", 30, 50, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			falsely, found := 0, 0
			for seed := range uint64(30) {
				run := func(i uint64, perSecond int, ms float64) *Result {
					r := simulatedAt(3*seed+i, c.long, perSecond, ms, 0)
					for step := range c.steps * min(c.steps-1, 1) {
						one := simulatedAt(1000+6*(3*seed+i)+uint64(step), c.long, max(perSecond/c.steps, 1), ms, 0)
						r.Steps = append(r.Steps, StepFigures{Label: fmt.Sprint(step), Calls: one.Calls, Latency: one.Latency})
					}
					return r
				}
				before := run(0, c.perSecond, 100)
				if worse, _ := regressed(before, run(1, c.perSecond, 100)); worse {
					falsely++
				}
				if worse, why := regressed(before, run(2, max(c.perSecond/2, 60/c.long), 200)); worse && strings.Contains(why, "p50 is worse") {
					found++
				}
			}
			if falsely > 2 || found < 29 {
				t.Errorf("%d of 30 equal runs were called worse, %d of 30 doubled medians were found", falsely, found)
			}
		})
	}
}

// What neither shows a change nor rules one out is not called the same.
func TestCompareSaysWhatItCannotTell(t *testing.T) {
	verdicts := func(r *Result) map[string]string {
		out := map[string]string{}
		for _, d := range r.Comparison.Rows {
			out[d.Metric] = d.Verdict
		}
		return out
	}
	long := simulatedAt(2, 600, 100, 10, 0)
	long.Compare(simulatedAt(1, 600, 100, 10, 0), "old.json", DefaultTolerance)
	if got := verdicts(long); got["p50"] != Same || got["p99"] != Same || got["rate"] != Same || got["errors"] != Same || long.Verdict != VerdictOK {
		t.Errorf("of long equal runs: %v, %s", got, long.Verdict)
	}
	few := simulatedAt(4, 3, 2, 10, 0)
	few.Compare(simulatedAt(3, 3, 2, 10, 0), "old.json", DefaultTolerance)
	if got := verdicts(few); got["p50"] != Unsure || got["p99"] != Unsure || got["rate"] != Unsure || got["errors"] != Unsure {
		t.Errorf("of 6 calls: %v", got)
	}
	if few.Verdict != VerdictWithheld || !strings.Contains(strings.Join(few.Reasons, ""), "no figure can be compared") {
		t.Errorf("of 6 calls the verdict is %s: %v", few.Verdict, few.Reasons)
	}
}

func TestCompareSaysWhatDiffers(t *testing.T) {
	before, after := simulated(1, 10, 10, 0), simulated(2, 10, 10, 0)
	before.Tool, before.Users, before.Verdict = "echo", 5, VerdictWithheld
	after.Compare(before, "old.json", DefaultTolerance)
	warnings := strings.Join(after.Comparison.Warnings, "\n")
	for _, want := range []string{"the tools differed: echo before, search now", "number of users differed: 5 before, 10 now", "the verdict of one run was withheld"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("%q is not in\n%s", want, warnings)
		}
	}
}

// The interval holds the truth in 95 of 100 cases, or nearly so.
func TestIntervalsHoldTheTruth(t *testing.T) {
	r := plan.NewRand(7, 7)
	draw := func(n int, scale float64) (out []float64) {
		for range n {
			out = append(out, scale*math.Exp(0.5*r.NormFloat64()))
		}
		return out
	}
	held := 0
	for range 1000 {
		if c := ratioInterval(draw(8, 10), draw(9, 15)); c.Low <= 0.5 && 0.5 <= c.High {
			held++
		}
	}
	if held < 930 || held > 985 {
		t.Errorf("%d of 1000 intervals hold the truth", held)
	}
	if c := ratioInterval(draw(3, 1), draw(3, 1)); c != nil {
		t.Errorf("of three values a side nothing is bounded, got %v", *c)
	}
	if c := shareInterval(0, 100, 0, 100); math.Abs(c.High-0.037) > 0.001 || math.Abs(c.Low+0.037) > 0.001 {
		t.Errorf("none of 100 twice may be 3.7 %% (Wilson), got %v", *c)
	}
}

// Calls that fail at once are no throughput.
func TestCompareRateWithoutFailures(t *testing.T) {
	before, after := simulatedAt(1, 20, 100, 10, 0), simulatedAt(2, 20, 300, 10, 0.8)
	after.Compare(before, "old.json", DefaultTolerance)
	for _, d := range after.Comparison.Rows {
		if d.Metric == "rate" && (d.Verdict != Worse || d.After > 70) {
			t.Errorf("%+v", d)
		}
	}
}
