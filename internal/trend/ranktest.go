package trend

import (
	"math"
	"slices"
)

// exactLimit is the largest sample for which RankTest computes the exact
// distribution; the normal approximation is as good for more values.
const exactLimit = 30

// RankTest returns the two-sided p-value of the Mann–Whitney U test (Ann. Math.
// Statist. 18, 1947): the probability that chance alone separates two samples this
// far or further. Small samples use the exact distribution of the rank sum
// with ties, from the shift algorithm (Streitberg and Röhmel, Statistical
// Software Newsletter 12, 1986): 8 values a side that do not overlap have p = 0.00016,
// where the normal approximation gives 0.0009. Larger samples use that
// approximation, corrected for ties and continuity. It is 1 for a sample of fewer than 2.
func RankTest(a, b []float64) float64 {
	if len(a) < 2 || len(b) < 2 {
		return 1
	}
	scores, sumA := ranks(a, b)
	if max(len(a), len(b)) <= exactLimit {
		return exactRankSum(scores, len(a), sumA)
	}
	return normalRankSum(scores, float64(len(a)), float64(len(b)), sumA)
}

// ranks returns twice the rank of each value of both samples, in order, and the
// sum of those of a. Equal values share their mean rank.
func ranks(a, b []float64) (scores []int, sumA int) {
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
		sumA += rank[v]
	}
	return scores, sumA
}

// exactRankSum returns the share of the ways to draw n of the scores whose sum is
// at least as far from the mean as sum.
func exactRankSum(scores []int, n, sum int) float64 {
	total := 0
	for _, s := range scores {
		total += s
	}
	ways := waysBySum(scores, n, total)
	// Sums are multiplied by the number of scores, to stay with integers: the mean is n·total.
	distance := func(t int) int { return max(t*len(scores)-n*total, n*total-t*len(scores)) }
	all, far := 0.0, 0.0
	for t, w := range ways {
		all += w
		if distance(t) >= distance(sum) {
			far += w
		}
	}
	return far / all
}

// waysBySum returns the number of ways to draw n of the scores for each sum up to total.
func waysBySum(scores []int, n, total int) []float64 {
	ways := make([][]float64, n+1) // by the number drawn, then by their sum
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
	return ways[n]
}

// normalRankSum returns the p-value of a rank sum by the normal approximation,
// corrected for ties and continuity.
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
