package trend

import (
	"math"
	"slices"
	"testing"
)

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

func TestWilson(t *testing.T) {
	for _, test := range []struct{ hits, n, low, high float64 }{
		{1, 1, 0.2065, 1}, {5, 100, 0.0215, 0.1118}, {0, 10, 0, 0.2775}, {0, 0, 0, 1},
	} {
		low, high := Wilson(test.hits, test.n)
		if !near(low, test.low, 5e-4) || !near(high, test.high, 5e-4) {
			t.Errorf("%g of %g: %.4f to %.4f", test.hits, test.n, low, high)
		}
	}
}

// The wanted values are the closed forms for whole parameters: I_x(10, 2) is 11x^10 - 10x^11.
func TestIncompleteBeta(t *testing.T) {
	for _, test := range []struct{ x, a, b, want float64 }{
		{0.5, 2, 3, 0.6875}, {0.2, 1, 1, 0.2}, {0.9, 10, 2, 0.6973568802},
	} {
		if got := incompleteBeta(test.x, test.a, test.b); !near(got, test.want, 1e-6) {
			t.Errorf("I_%g(%g, %g) = %.8f, want %.8f", test.x, test.a, test.b, got, test.want)
		}
	}
}

func TestCompareRates(t *testing.T) {
	rise := CompareRates(30, 1, 100, 10, 1)
	if rise.P > 1e-4 || !near(rise.Ratio, 3, 1e-9) || rise.Low < 1.9 || rise.High > 4.7 {
		t.Errorf("a threefold rise: %+v", rise)
	}
	if same := CompareRates(10, 1, 100, 10, 1); same.P < 0.8 {
		t.Errorf("the same rate: %+v", same)
	}
	if stopped := CompareRates(0, 1, 100, 10, 1); stopped.P > 1e-3 {
		t.Errorf("a rate that fell to nothing: %+v", stopped)
	}
	if noisy := CompareRates(20, 1, 100, 10, 10); noisy.P < 0.05 {
		t.Errorf("within the dispersion: %+v", noisy)
	}
}

func TestBenjaminiHochberg(t *testing.T) {
	got := BenjaminiHochberg([]float64{0.04, 0.001, 0.5, 0.012}, 0.05)
	if want := []bool{false, true, false, true}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestBlocks(t *testing.T) {
	counts := slices.Concat(slices.Repeat([]float64{2}, 60), slices.Repeat([]float64{12}, 20))
	if got := Blocks(counts); !slices.Equal(got, []int{0, 60}) {
		t.Errorf("blocks start at %v", got)
	}
	if got := Blocks(slices.Repeat([]float64{3}, 50)); !slices.Equal(got, []int{0}) {
		t.Errorf("a steady rate has blocks at %v", got)
	}
}
