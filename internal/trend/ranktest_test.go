package trend

import (
	"math"
	"testing"
)

// The expected values are exact: of 8 values a side, 2 of the C(16, 8) draws are this
// far apart; those with ties agree with R's coin::wilcox_test.
func TestRankTest(t *testing.T) {
	t.Parallel()
	many := func(from float64) (out []float64) {
		for i := range 40 {
			out = append(out, from+float64(i))
		}
		return out
	}
	for _, c := range []struct {
		name string
		a, b []float64
		want float64
	}{
		{"no overlap", []float64{1, 2, 3, 4, 5, 6, 7, 8}, []float64{11, 12, 13, 14, 15, 16, 17, 18}, 2.0 / 12870},
		{"two values a side", []float64{1, 2}, []float64{3, 4}, 2.0 / 6},
		{"ties", []float64{1, 1, 2}, []float64{2, 3, 3}, 4.0 / 20},
		{"equal", []float64{1, 2, 3}, []float64{1, 2, 3}, 1},
		{"constant", []float64{1, 1, 1}, []float64{1, 1, 1}, 1},
		{"too few", []float64{1}, []float64{2, 3}, 1},
		{"normal approximation", many(0), many(10), 0.000769},
	} {
		if got := RankTest(c.a, c.b); math.Abs(got-c.want) > 0.000001 {
			t.Errorf("%s: p is %.6f, want %.6f", c.name, got, c.want)
		}
	}
}
