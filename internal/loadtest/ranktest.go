package loadtest

import (
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// weighted is a value and how often it was seen.
type weighted struct{ value, weight float64 }

// mannWhitney is how often chance alone sets two samples so far apart or
// further: the two-sided rank test of Mann and Whitney, corrected for ties.
// Where there are only few values it is the normal approximation that errs on
// the side of no difference.
func mannWhitney(a, b []weighted) float64 {
	groups, n := ranks(a, b)
	total := n[0] + n[1]
	if n[0] < 2 || n[1] < 2 {
		return 1
	}
	below, rankSum, ties := 0.0, 0.0, 0.0
	for _, g := range groups {
		size := g.of[0] + g.of[1]
		rankSum += g.of[0] * (below + (size+1)/2)
		ties += size*size*size - size
		below += size
	}
	u := rankSum - n[0]*(n[0]+1)/2
	variance := n[0] * n[1] / 12 * (total + 1 - ties/(total*(total-1)))
	if variance <= 0 {
		return 1
	}
	z := max(math.Abs(u-n[0]*n[1]/2)-0.5, 0) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// equals are the samples of one value, of each side.
type equals struct {
	value float64
	of    [2]float64
}

// ranks are the values of both sides in order, and how many each side has.
func ranks(a, b []weighted) (groups []equals, n [2]float64) {
	for side, samples := range [][]weighted{a, b} {
		for _, s := range samples {
			g := equals{value: s.value}
			g.of[side] = s.weight
			n[side] += s.weight
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, func(x, y equals) int { return compareFloat(x.value, y.value) })
	kept := groups[:0]
	for _, g := range groups {
		if last := len(kept) - 1; last >= 0 && kept[last].value == g.value {
			kept[last].of[0] += g.of[0]
			kept[last].of[1] += g.of[1]
		} else {
			kept = append(kept, g)
		}
	}
	return kept, n
}

// tail is the share of calls that counts as the fast ones. The few beyond the
// 99th percentile would be too few to tell anything by.
const tail = 0.9

// tailTest is how often chance alone moves the slowest calls so: the share of
// calls beyond a high percentile of both together.
func tailTest(a, b []weighted) float64 {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y weighted) int { return compareFloat(x.value, y.value) })
	total, seen, edge := weight(all, math.Inf(-1)), 0.0, 0.0
	for _, s := range all {
		if seen += s.weight; seen >= tail*total {
			edge = s.value
			break
		}
	}
	return twoShares(weight(a, edge), weight(a, math.Inf(-1)), weight(b, edge), weight(b, math.Inf(-1)))
}

// weight is how many of the samples are above a value.
func weight(samples []weighted, above float64) float64 {
	sum := 0.0
	for _, s := range samples {
		if s.value > above {
			sum += s.weight
		}
	}
	return sum
}

// twoShares is how often chance alone sets the shares k of n and l of m so far
// apart: the normal approximation with Yates' correction.
func twoShares(k, n, l, m float64) float64 {
	pooled := (k + l) / (n + m)
	variance := pooled * (1 - pooled) * (1/n + 1/m)
	if !(variance > 0) {
		return 1
	}
	z := max(math.Abs(k/n-l/m)-(1/n+1/m)/2, 0) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// samples are the values of a histogram, counted as no more than so many
// independent ones as a run has at most.
func (l *Latency) samples() ([]weighted, error) {
	if l.Histogram == "" {
		return nil, nil
	}
	h, err := hdrhistogram.Decode([]byte(l.Histogram))
	if err != nil {
		return nil, err
	}
	scale := min(1, maxIndependent/float64(max(h.TotalCount(), 1)))
	var out []weighted
	for _, bar := range h.Distribution() {
		if bar.Count > 0 {
			out = append(out, weighted{float64(bar.To) / 1000, float64(bar.Count) * scale})
		}
	}
	return out, nil
}
