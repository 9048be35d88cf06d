package result

import (
	"math"
	"slices"
	"testing"
)

// TestShareTest compares with Fisher's exact test where counts are small, and with the
// normal approximation, whose error is small otherwise. The exact values are sums of
// hypergeometric probabilities.
func TestShareTest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ k, n, l, m, want float64 }{
		{8, 10, 1, 6, 0.034965},
		{9, 100, 2, 2, 55.0 / 5151},
		{0, 1000, 3, 1000, 0.249624},
		{0, 100, 0, 100, 1},
		{5, 5, 0, 5, 2.0 / 252},
		{500, 1e6, 3, 3, 1.265047e-10},
		{100, 1000, 150, 1000, 0.000923},
	} {
		if got := shareTest(c.k, c.n, c.l, c.m); math.Abs(got-c.want) > 1e-3*c.want {
			t.Errorf("%v of %v and %v of %v: p=%.6f, want %.6f", c.k, c.n, c.l, c.m, got, c.want)
		}
	}
}

// TestTailHasADirection checks that slow calls are no evidence for a better tail.
func TestTailHasADirection(t *testing.T) {
	t.Parallel()
	many := slices.Concat(slices.Repeat([]float64{1}, 950), slices.Repeat([]float64{9}, 50))
	few := []float64{5, 5, 5, 5, 5, 5, 5, 5} // all are among the slow calls, and p99 fell
	if p := tailTest(many, few, false); p != 1 {
		t.Errorf("p=%v that it is faster", p)
	}
	if p := tailTest(many, few, true); p > chance {
		t.Errorf("p=%v that it is slower", p)
	}
}
