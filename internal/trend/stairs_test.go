package trend

import (
	"math"
	"math/rand/v2"
	"testing"
)

// storage returns the readings of a heap in which storage grows by a factor whenever it is full; it
// stops when it has the size stop.
func storage(r *rand.Rand, n int, factor, stop float64) []Point {
	points, size, each := make([]Point, n), 0.3+0.3*r.Float64(), 0.6+r.Float64() // MB, of a round
	for i := range points {
		for size < min(0.3+each*float64(i), stop) {
			size *= factor
		}
		points[i] = Point{X: float64(1000 * i), Y: 12 + 1.5*(1-math.Exp(-float64(i))) + size + noise(r, 0.02)}
	}
	return points
}

// Storage that grows in proportion is a leak, and its rate is that of its contents; storage that
// has reached its size is none.
func TestStairs(t *testing.T) {
	t.Parallel()
	for factor, rounds := range map[float64]int{1.25: 17, 1.5: 17, 2: 24} {
		found, stopped := 0, 0
		for seed := range uint64(seeds) {
			r := rand.New(rand.NewPCG(seed, 3))
			grown := storage(r, rounds, factor, math.Inf(1))
			for n := minReadings; n <= rounds; n++ {
				if JudgeLive(grown[:n]).Verdict == Leak {
					found++
					break
				}
			}
			full := storage(r, 40, factor, 4)
			if j := JudgeLive(full); j.Verdict == Leak {
				stopped++
			}
		}
		t.Logf("factor %.2f: %d of %d found, %d of those that stopped", factor, found, seeds, stopped)
		if found < seeds*9/10 || stopped > 0 {
			t.Errorf("factor %.2f: %d of %d found, %d of those that stopped", factor, found, seeds, stopped)
		}
	}
}

// The live heap of a Node server that keeps 100 numbers, 800 bytes, of each call in an array.
func TestNumbersInNode(t *testing.T) {
	t.Parallel()
	var points []Point
	for i, mb := range []float64{5.04, 5.36, 5.66, 6.1, 6.76, 6.76, 7.75, 7.75, 7.75, 7.76, 9.22, 9.24, 9.23, 9.24, 11.46} {
		points = append(points, Point{X: float64(400 * i), Y: mb})
	}
	j := JudgeLive(points)
	if j.Verdict != Leak || j.Rate.Low > 800 || j.Rate.High < 800 || j.NextStep < 8000 || j.NextStep > 10_000 {
		t.Errorf("%s, %+v, next step at %.0f: %+v", j.Verdict, j.Rate, j.NextStep, j.Reasons)
	}
}

// No clean family grows in stairs.
func TestCleanFamiliesHaveNoStairs(t *testing.T) {
	t.Parallel()
	for _, f := range clean {
		for seed := range uint64(seeds) {
			for _, n := range []int{13, 21, 30} {
				points := roundsOf(f, seed, n)
				if s, ok := stairsOf(points, 0.3); ok && s.rate.Estimate > 0 {
					t.Errorf("%s, seed %d: %+v", f.name, seed, s)
				}
			}
		}
	}
}
