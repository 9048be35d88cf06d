package loadtest

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func levels(points ...[2]float64) []StepResult {
	var steps []StepResult
	for _, p := range points {
		steps = append(steps, StepResult{Level: Level{Users: int(p[0])}, Throughput: p[1]})
	}
	return steps
}

// The SPEC SDM91 benchmark as Gunther has it, and what R's nls makes of it.
func TestUSLOnPublishedData(t *testing.T) {
	fit := FitUSL(levels([2]float64{1, 64.9}, [2]float64{18, 995.9}, [2]float64{36, 1652.4}, [2]float64{72, 1853.2},
		[2]float64{108, 1829.5}, [2]float64{144, 1775.0}, [2]float64{216, 1702.2}))
	if fit.Refused != "" {
		t.Fatal(fit.Refused)
	}
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"lambda", fit.Lambda.Value, 89.9951}, {"sigma", fit.Sigma.Value, 0.0277299}, {"kappa", fit.Kappa.Value, 0.000104374}, {"peak", fit.Peak.Value, 96.5},
	} {
		if math.Abs(c.got/c.want-1) > 0.001 {
			t.Errorf("%s is %g, want %g", c.what, c.got, c.want)
		}
	}
	if fit.Peak.Low >= 96.5 || fit.Peak.High <= 96.5 || fit.Peak.High-fit.Peak.Low > 60 {
		t.Errorf("the peak lies in %g..%g", fit.Peak.Low, fit.Peak.High)
	}
}

// curve is a law with noise.
func curve(lambda, sigma, kappa, noise float64, r *rand.Rand, ns ...int) []StepResult {
	var steps []StepResult
	for _, n := range ns {
		x := vec{lambda, sigma, kappa}.at(float64(n)) * (1 + noise*r.NormFloat64())
		steps = append(steps, StepResult{Level: Level{Users: n}, Throughput: x})
	}
	return steps
}

// Of the intervals that are said to be right in 95 of 100 cases, about so many are.
func TestUSLIntervalsHoldWhatTheySay(t *testing.T) {
	const runs = 400
	r := newRand(1, 1)
	covered, believed := 0, 0
	for range runs {
		fit := FitUSL(curve(100, 0.05, 0.0005, 0.02, r, 1, 2, 3, 5, 8, 12, 18, 27, 41, 62, 93, 140))
		if fit.Refused != "" || fit.Peak == nil {
			continue
		}
		believed++
		if truth := math.Sqrt(0.95 / 0.0005); fit.Peak.Low <= truth && truth <= fit.Peak.High {
			covered++
		}
	}
	if believed < runs*9/10 || covered < believed*88/100 {
		t.Errorf("of %d fits %d were believed, and %d held the truth", runs, believed, covered)
	}
}

func TestUSLRefusals(t *testing.T) {
	r := newRand(1, 1)
	for name, c := range map[string]struct {
		steps []StepResult
		want  string
	}{
		"few":       {curve(100, 0.05, 0, 0, r, 1, 2, 3, 5, 8), "at least 6 levels"},
		"noise":     {curve(100, 0.9, 0, 0.5, r, 1, 2, 3, 5, 8, 12, 18, 27), "R² is"},
		"zigzag":    {levels([2]float64{1, 5}, [2]float64{2, 500}, [2]float64{3, 5}, [2]float64{4, 500}, [2]float64{5, 5}, [2]float64{6, 500}), "R² is"},
		"no change": {levels([2]float64{1, 5}, [2]float64{2, 5}, [2]float64{3, 5}, [2]float64{4, 5}, [2]float64{5, 5}, [2]float64{6, 5}), "curve"},
		"nothing":   {nil, "there are 0"},
	} {
		if fit := FitUSL(c.steps); !strings.Contains(fit.Refused, c.want) {
			t.Errorf("%s: refused with %q, want %q in it (%+v)", name, fit.Refused, c.want, fit)
		}
	}
}

// Where throughput only levels off or grows evenly there is no peak, and none is made up.
func TestUSLWithoutPeak(t *testing.T) {
	r := newRand(1, 1)
	for name, steps := range map[string][]StepResult{
		"contention only": curve(100, 0.1, 0, 0, r, 1, 2, 3, 5, 8, 12, 18),
		"even":            curve(100, 0, 0, 0, r, 1, 2, 3, 5, 8, 12, 18),
	} {
		fit := FitUSL(steps)
		if fit.Refused != "" || fit.Peak != nil && fit.Peak.Value < 1000 {
			t.Errorf("%s: %+v, peak %v", name, fit, fit.Peak)
		}
	}
}

func FuzzUSL(f *testing.F) {
	f.Add(1.0, 10.0, 2.0, 20.0, 5.0, 40.0, 50.0, 60.0)
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g, h, i float64) {
		fit := FitUSL(levels([2]float64{1, a}, [2]float64{2, b}, [2]float64{3, c}, [2]float64{5, d}, [2]float64{8, e}, [2]float64{12, g}, [2]float64{18, h}, [2]float64{27, i}))
		for _, v := range []float64{fit.R2, fit.Lambda.Value, fit.Sigma.High, fit.Kappa.High} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%+v", fit)
			}
		}
	})
}
