package trend

import (
	"math/rand/v2"
	"testing"
)

// Memory that rises to its last reading has no plateau, also where the rise is below
// the limit of a leak.
func TestPlateauHasNoGrowth(t *testing.T) {
	for name, c := range map[string]struct {
		at       func(x float64) float64
		low, top float64
	}{
		"rises to the end":              {func(x float64) float64 { return 22 + 0.9*x }, 0, 0.05},
		"rises slowly to the end":       {func(x float64) float64 { return 22 + 0.1*x }, 0, 0.1},
		"rises in steps to the end":     {func(x float64) float64 { return 22 + 4*float64(int(x/4)) }, 0, 0.25},
		"stops at three quarters":       {func(x float64) float64 { return 22 + min(x, 30) }, 0.3, 0.5},
		"jumps at the end":              {func(x float64) float64 { return 22 + 20*float64(int(x/39)) }, 0, 0.05},
		"is flat":                       {func(float64) float64 { return 22 }, 0.95, 1},
		"falls":                         {func(x float64) float64 { return 60 - x }, 0.95, 1},
		"a saw-tooth that rises":        {func(x float64) float64 { return 30 + x + 2*(x-float64(int(x))) }, 0, 0.15},
		"a saw-tooth on a level ground": {func(x float64) float64 { return 30 + 8*(x-float64(int(x))) }, 0.9, 1},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		var points []Point
		for i := range 200 {
			x := float64(i) / 5
			points = append(points, Point{x, c.at(x) + noise(r, 0.05)})
		}
		if j := JudgeTime(points); j.Plateau < c.low || j.Plateau > c.top {
			t.Errorf("%s: %.0f %% of the time has no growth, want %.0f to %.0f", name, 100*j.Plateau, 100*c.low, 100*c.top)
		}
	}
}
