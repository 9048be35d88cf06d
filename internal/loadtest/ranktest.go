package loadtest

import (
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// weighted is a value and how often it was seen.
type weighted struct{ value, weight float64 }

// mostExact is how many values of a side the test weighs exactly: beyond it, the
// normal approximation is as good.
const mostExact = 30

// rankTest is how often chance alone sets two samples so far apart or further:
// the two-sided test of Mann and Whitney (Ann. Math. Statist. 18, 1947), as
// benchstat has it. Of few values it goes by the exact distribution of the rank
// sum, ties included, which the shift algorithm of Streitberg and Röhmel gives
// (Statistical Software Newsletter 12, 1986): of 8 values a side that lie apart it
// is 0.00016, where the normal approximation has 0.0009 and a report of many
// figures found nothing. Of more values it is that approximation, corrected for ties.
func rankTest(a, b []float64) float64 {
	if len(a) < 2 || len(b) < 2 {
		return 1
	}
	scores, mine := ranks(a, b)
	if max(len(a), len(b)) <= mostExact {
		return exactRankSum(scores, len(a), mine)
	}
	return normalRankSum(scores, float64(len(a)), float64(len(b)), mine)
}

// ranks are twice the ranks of all values, of equal ones their mean, and the sum of those of a.
func ranks(a, b []float64) (scores []int, mine int) {
	all := slices.Concat(a, b)
	slices.Sort(all)
	rank := map[float64]int{}
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j] == all[i] {
			j++
		}
		rank[all[i]] = i + j + 1 // the mean of i+1 … j, twice
		for ; i < j; i++ {
			scores = append(scores, rank[all[i]])
		}
	}
	for _, v := range a {
		mine += rank[v]
	}
	return scores, mine
}

// exactRankSum counts the ways to draw n of the scores whose sum is as far from its mean.
func exactRankSum(scores []int, n, sum int) float64 {
	total := 0
	for _, s := range scores {
		total += s
	}
	ways := make([][]float64, n+1) // of so many scores, by their sum
	for k := range ways {
		ways[k] = make([]float64, total+1)
	}
	ways[0][0] = 1
	reach := 0
	for _, s := range scores {
		reach += s
		for k := n; k > 0; k-- {
			for t := reach; t >= s; t-- {
				ways[k][t] += ways[k-1][t-s]
			}
		}
	}
	// Times the number of scores, to stay with whole numbers: the mean is n·total.
	all, far := 0.0, 0.0
	distance := func(t int) int { return max(t*len(scores)-n*total, n*total-t*len(scores)) }
	for t, w := range ways[n] {
		all += w
		if distance(t) >= distance(sum) {
			far += w
		}
	}
	return far / all
}

// normalRankSum is the same by the normal approximation, corrected for ties.
func normalRankSum(scores []int, n, m float64, sum int) float64 {
	total, ties := n+m, 0.0
	for i := 0; i < len(scores); {
		j := i
		for j < len(scores) && scores[j] == scores[i] {
			j++
		}
		size := float64(j - i)
		ties += size*size*size - size
		i = j
	}
	u := float64(sum)/2 - n*(n+1)/2
	variance := n * m / 12 * (total + 1 - ties/(total*(total-1)))
	if variance <= 0 {
		return 1
	}
	z := max(math.Abs(u-n*m/2)-0.5, 0) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// sure is the quantile of the normal distribution of a 95 % interval.
const sure = 1.96

// ratios is the interval, of 95 %, of the factor between a and b: the values that
// the rank test of b over a does not rule out (Hodges and Lehmann, Ann. Math.
// Statist. 34, 1963). It is nil where there are too few values for a bound.
func ratios(a, b []float64) *Interval {
	n, m := float64(len(a)), float64(len(b))
	skip := int(n*m/2 - sure*math.Sqrt(n*m*(n+m+1)/12)) // pairs at each end
	if skip < 1 {
		return nil
	}
	var all []float64
	for _, x := range a {
		for _, y := range b {
			all = append(all, y/x)
		}
	}
	slices.Sort(all)
	low, high := all[skip-1], all[len(all)-skip]
	if math.IsNaN(low) || math.IsInf(high, 0) || math.IsNaN(high) {
		return nil // there was nothing in some of the seconds
	}
	return &Interval{low - 1, high - 1}
}

// tail is the share of calls that counts as the fast ones. The few beyond the
// 99th percentile would be too few to tell anything by.
const tail = 0.9

// tailTest is how often chance alone moves the slowest calls so: the share of
// calls beyond a high percentile of both together.
func tailTest(a, b []float64) float64 {
	all := slices.Concat(a, b)
	slices.Sort(all)
	edge := all[int(math.Ceil(tail*float64(len(all))))-1]
	beyond := func(samples []float64) float64 {
		n := 0.0
		for _, v := range samples {
			if v > edge {
				n++
			}
		}
		return n
	}
	return twoShares(beyond(a), float64(len(a)), beyond(b), float64(len(b)))
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

// shares is the interval, of 95 %, of the difference between the shares k of n
// and l of m: Newcombe's, from Wilson's of each (Statist. Med. 17, 1998, method 10).
func shares(k, n, l, m float64) *Interval {
	p, q := k/n, l/m
	lowP, highP := wilson(p, n)
	lowQ, highQ := wilson(q, m)
	return &Interval{q - p - math.Hypot(q-lowQ, highP-p), q - p + math.Hypot(highQ-q, p-lowP)}
}

func wilson(p, n float64) (low, high float64) {
	const z = sure
	middle, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return (middle - half) / (1 + z*z/n), (middle + half) / (1 + z*z/n)
}

// samples are the values of a histogram.
func (l *Latency) samples() ([]weighted, error) {
	if l.Histogram == "" {
		return nil, nil
	}
	h, err := hdrhistogram.Decode([]byte(l.Histogram))
	if err != nil {
		return nil, err
	}
	var out []weighted
	for _, bar := range h.Distribution() {
		if bar.Count > 0 {
			out = append(out, weighted{float64(bar.To) / 1000, float64(bar.Count)})
		}
	}
	return out, nil
}

// maxIndependent is how many independent samples a run of calls counts as, at
// most: calls of one moment share its luck.
const maxIndependent = 100

// calls are the latencies of calls, as many as count as independent, evenly over
// the distribution.
func (l *Latency) calls() ([]float64, error) {
	samples, err := l.samples()
	total := 0.0
	for _, s := range samples {
		total += s.weight
	}
	n := min(total, maxIndependent)
	var out []float64
	seen := 0.0
	for _, s := range samples {
		seen += s.weight
		for float64(len(out))+0.5 < seen/total*n {
			out = append(out, s.value)
		}
	}
	return out, err
}
