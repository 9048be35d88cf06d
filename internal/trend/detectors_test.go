package trend

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// detectors are the rules in use elsewhere, beside ours, on settled rounds.
var detectors = []struct {
	name string
	leak func(points []Point) bool
}{
	{"growth-above-50-percent", func(p []Point) bool { return p[len(p)-1].Y > 1.5*p[0].Y }},
	{"last-above-first-10-percent", func(p []Point) bool { return p[len(p)-1].Y > 1.1*p[0].Y }},
	{"least-squares", leastSquares},
	{"mann-kendall", func(p []Point) bool { k := MannKendall(p); return k.S > 0 && k.P < 0.05 }},
	{"mcpdiag", func(p []Point) bool { return Judge(p).Verdict == Leak }},
}

// leastSquares calls it a leak when the slope of the ordinary regression has t > 1.96.
func leastSquares(points []Point) bool {
	var n, mx, my, xx, xy, rest float64 = float64(len(points)), 0, 0, 0, 0, 0
	for _, p := range points {
		mx, my = mx+p.X/n, my+p.Y/n
	}
	for _, p := range points {
		xx += (p.X - mx) * (p.X - mx)
		xy += (p.X - mx) * (p.Y - my)
	}
	slope := xy / xx
	for _, p := range points {
		off := p.Y - my - slope*(p.X-mx)
		rest += off * off
	}
	return slope/math.Sqrt(rest/(n-2)/xx) > z95
}

// BenchmarkDetectors measures precision and recall on the recorded corpus: the
// table in the documentation. The rules differ in what they find, not in speed.
func BenchmarkDetectors(b *testing.B) {
	series := labels(b)
	for _, d := range detectors {
		b.Run("rule="+d.name, func(b *testing.B) {
			var precision, recall float64
			for b.Loop() {
				precision, recall = score(b, series, d.leak)
			}
			b.ReportMetric(precision, "precision")
			b.ReportMetric(recall, "recall")
		})
	}
}

func score(b *testing.B, series map[string]string, leak func([]Point) bool) (precision, recall float64) {
	var right, called, leaks float64
	for name, label := range series {
		points := []Point{}
		for _, r := range recordedRounds(b, name) {
			points = append(points, Point{r.Operations, r.MB})
		}
		is, says := label == "leak", leak(points)
		if is {
			leaks++
		}
		if says {
			called++
		}
		if is && says {
			right++
		}
	}
	return right / called, right / leaks
}

// The families tell rules apart: the one this package replaces fails on them.
func TestTheOldRuleFailsOnTheFamilies(t *testing.T) {
	wrong := 0
	for _, f := range clean {
		for seed := range uint64(50) {
			if detectors[0].leak(roundsOf(f, seed, 21)) {
				wrong++
			}
		}
	}
	if wrong < 50 || !slices.ContainsFunc(clean, func(f family) bool { return f.name == "warm-up" }) {
		t.Errorf("%d false alarms only: these families would pass any rule", wrong)
	}
}

// BenchmarkPower finds the smallest growth over a run of 21 settled rounds that
// is called a leak in 90 of 100 runs, in the noise between rounds that was
// measured on real servers. Divided by the operations of a run it is the smallest leak.
func BenchmarkPower(b *testing.B) {
	for _, server := range []struct {
		name  string
		level float64
		sd    float64
	}{{"go", 15, 0.14}, {"node-small-heap", 100, 0.4}, {"node", 120, 10}} {
		b.Run("server="+server.name, func(b *testing.B) {
			growth := 0.0
			for b.Loop() {
				for growth = 0.5; found(server.level, growth, server.sd) < 0.9; growth *= 1.05 {
				}
			}
			b.ReportMetric(growth, "MB")
		})
	}
}

// found is the share of 200 runs in which the growth is called a leak.
func found(level, growth, sd float64) float64 {
	leaks := 0
	for seed := range uint64(200) {
		f := family{make: func(r *rand.Rand) func(float64) float64 {
			return func(x float64) float64 { return level + growth*x + noise(r, sd) }
		}}
		if Judge(roundsOf(f, seed, 21)).Verdict == Leak {
			leaks++
		}
	}
	return float64(leaks) / 200
}
