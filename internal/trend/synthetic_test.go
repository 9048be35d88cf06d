package trend

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A family makes the memory at a share of the run, 0 to 1, from a source of chance.
type family struct {
	name  string
	make  func(r *rand.Rand) func(share float64) float64
	allow int // wrong verdicts in 800: two steps in the right places, one long wave, the steep end of a curve are a rise
}

func noise(r *rand.Rand, sd float64) float64 { return sd * r.NormFloat64() }

// clean families are no leak, whatever the seed.
var clean = []family{
	{name: "flat", make: func(r *rand.Rand) func(float64) float64 {
		sd := math.Pow(10, 2*r.Float64()-1) // 0.1 to 10 MB
		return func(float64) float64 { return 120 + noise(r, sd) }
	}},
	{name: "warm-up", make: func(r *rand.Rand) func(float64) float64 {
		size, tau := 10+200*r.Float64(), 0.02+0.13*r.Float64()
		return func(x float64) float64 { return 80 + size*(1-math.Exp(-x/tau)) + noise(r, 0.5) }
	}},
	{name: "cache that fills", make: func(r *rand.Rand) func(float64) float64 {
		size, full := 10+200*r.Float64(), 0.1+0.6*r.Float64()
		return func(x float64) float64 { return 80 + size*min(x/full, 1) + noise(r, 0.5) }
	}},
	{name: "one step", make: func(r *rand.Rand) func(float64) float64 {
		size, when := 5+100*r.Float64(), r.Float64()
		return func(x float64) float64 {
			if x < when {
				return 100 + noise(r, 0.3)
			}
			return 100 + size + noise(r, 0.3)
		}
	}},
	{allow: 2, name: "two steps", make: func(r *rand.Rand) func(float64) float64 {
		a, b := r.Float64(), r.Float64()
		return func(x float64) float64 {
			y := 100 + noise(r, 1)
			for _, when := range []float64{a, b} {
				if x > when {
					y += 20
				}
			}
			return y
		}
	}},
	{allow: 2, name: "fragmentation", make: func(r *rand.Rand) func(float64) float64 { // it wanders, but comes back
		level := 0.0
		return func(float64) float64 {
			level = 0.7*level + noise(r, 3)
			return 150 + level
		}
	}},
	// Not settled when the run ends: what it would have come to is open, but it is no leak.
	{allow: 4, name: "long warm-up", make: func(r *rand.Rand) func(float64) float64 {
		size, tau := 40+160*r.Float64(), 0.15+0.35*r.Float64()
		return func(x float64) float64 { return 80 + size*(1-math.Exp(-x/tau)) + noise(r, 0.4) }
	}},
	{name: "leak that was stopped", make: func(r *rand.Rand) func(float64) float64 {
		size, stop := 100+200*r.Float64(), 0.4+0.4*r.Float64()
		return func(x float64) float64 { return 80 + size*min(x, stop) + noise(r, 0.5) }
	}},
	{name: "saw-tooth of many rounds", make: func(r *rand.Rand) func(float64) float64 {
		period, from := 0.2+0.3*r.Float64(), r.Float64()
		return func(x float64) float64 { return 80 + 40*math.Mod(x/period+from, 1) + noise(r, 0.5) }
	}},
	{name: "restart half-way", make: func(r *rand.Rand) func(float64) float64 {
		size := 100 + 200*r.Float64()
		return func(x float64) float64 { return 60 + size*math.Mod(x, 0.5) + noise(r, 0.5) }
	}},
	{name: "falls", make: func(r *rand.Rand) func(float64) float64 {
		return func(x float64) float64 { return 300 - 100*x + noise(r, 3) }
	}},
}

// leaking families always are.
var leaking = []family{
	{name: "steady", make: func(r *rand.Rand) func(float64) float64 {
		size, sd := 30+400*r.Float64(), 0.1+0.9*r.Float64()
		return func(x float64) float64 { return 60 + size*x + noise(r, sd) }
	}},
	{name: "after a warm-up", make: func(r *rand.Rand) func(float64) float64 {
		size := 60 + 200*r.Float64()
		return func(x float64) float64 { return 80 + 60*(1-math.Exp(-x/0.08)) + size*x + noise(r, 1) }
	}},
	{name: "in a noisy runtime", make: func(r *rand.Rand) func(float64) float64 {
		size := 200 + 200*r.Float64()
		return func(x float64) float64 { return 120 + size*x + noise(r, 8) }
	}},
	{name: "that begins late", make: func(r *rand.Rand) func(float64) float64 {
		size, from := 100+200*r.Float64(), 0.4*r.Float64()
		return func(x float64) float64 { return 80 + size*max(x-from, 0) + noise(r, 0.5) }
	}},
	{name: "in jumps", make: func(r *rand.Rand) func(float64) float64 { // an arena at a time
		size := 100 + 200*r.Float64()
		return func(x float64) float64 { return 60 + size*math.Floor(x*20)/20 + noise(r, 0.5) }
	}},
}

const seeds = 200

func roundsOf(f family, seed uint64, n int) []Point {
	level := f.make(rand.New(rand.NewPCG(seed, 1)))
	points := make([]Point, n)
	for i := range points {
		points[i] = Point{X: float64(1000 * i), Y: level(float64(i) / float64(n-1))}
	}
	return points
}

// samplesOf puts a collector's saw-tooth on top: readings of 5 minutes at 1 Hz.
func samplesOf(f family, seed uint64) []Point {
	r := rand.New(rand.NewPCG(seed, 2))
	level := f.make(rand.New(rand.NewPCG(seed, 1)))
	height, period := 40*r.Float64(), 3+7*r.Float64()
	points := make([]Point, 300)
	for i := range points {
		tooth := math.Mod(float64(i), period) / period
		points[i] = Point{X: float64(i), Y: level(float64(i)/299) + height*tooth}
	}
	return points
}

func TestCleanFamiliesAreNeverLeaks(t *testing.T) {
	for _, f := range clean {
		found := map[string]int{}
		for seed := range uint64(seeds) {
			for _, n := range []int{13, 21, 30} {
				found["rounds "+string(Judge(roundsOf(f, seed, n)).Verdict)]++
			}
			found["time "+string(JudgeTime(samplesOf(f, seed)).Verdict)]++
		}
		t.Logf("%-18s %v", f.name, found)
		if n := found["rounds leak"] + found["time leak"]; n > f.allow {
			t.Errorf("%s: %d false alarms: %v", f.name, n, found)
		}
	}
}

func TestLeakingFamiliesAreFound(t *testing.T) {
	for _, f := range leaking {
		found := map[string]int{}
		for seed := range uint64(seeds) {
			found["rounds "+string(Judge(roundsOf(f, seed, 21)).Verdict)]++
			found["time "+string(JudgeTime(samplesOf(f, seed)).Verdict)]++
		}
		t.Logf("%-18s %v", f.name, found)
		if found["rounds leak"] != seeds || found["time leak"] != seeds {
			t.Errorf("%s: not all found: %v", f.name, found)
		}
	}
}
