package trend

import (
	"fmt"
	"slices"
)

// conclude decides the verdict: a leak when every check says so, otherwise no leak
// when a clearing applies, otherwise undecided.
func (j *Judgement) conclude(all, kept []Point) {
	checks := j.checks(all, kept)
	against := slices.DeleteFunc(slices.Clone(checks), func(r Reason) bool { return r.Leak })
	if len(against) == 0 {
		j.Verdict, j.Reasons = Leak, checks
		return
	}
	for _, c := range clearings {
		if c.applies(j, all, kept) {
			j.Verdict, j.Reasons = NoLeak, []Reason{{Code: c.code, Text: c.text(j, all, kept)}}
			j.Smallest = max(j.Smallest, j.Rate.High) // more than the interval excludes is not ruled out
			return
		}
	}
	j.Verdict, j.Reasons = Undecided, against
}

// clearing is a rule that shows that a series is not a leak.
type clearing struct {
	code    string
	applies func(j *Judgement, all, kept []Point) bool
	text    func(j *Judgement, all, kept []Point) string
}

// clearings are tried in order.
var clearings = []clearing{
	{Bounded, bounded, func(j *Judgement, _, _ []Point) string {
		return fmt.Sprintf("it grew %.1f MB at most, within the %.1f MB that are not called a leak", j.most(), j.Limit)
	}},
	{Flat, flat, func(_ *Judgement, _, _ []Point) string { return "it did not grow" }},
	{NoTrend, noTrend, func(j *Judgement, _, _ []Point) string {
		return pValue(j.P) + ": no trend, and the interval of the slope ends below the detection limit"
	}},
	{FellBack, fellBack, fellBackText},
}

// bounded reports whether the interval excludes growth above the limit.
func bounded(j *Judgement, _, _ []Point) bool { return j.most() < j.Limit }

// flat reports whether the slope is not positive and its interval is below the detection limit.
func flat(j *Judgement, _, _ []Point) bool { return j.Growth <= 0 && j.Rate.High <= j.Smallest }

// noTrend reports whether the slope may be zero and its interval is below the detection limit.
func noTrend(j *Judgement, _, _ []Point) bool {
	return j.P > chance && (j.Rate.Low <= 0 || j.Growth < j.Limit) && j.Rate.High <= j.Smallest
}

// fellBack reports whether the last third went below the first reading, with or
// without the warm-up, and reached no new peak.
func fellBack(_ *Judgement, all, kept []Point) bool {
	before := len(all) - thirdOf(len(kept))
	return slices.Min(values(all[before:])) < max(all[0].Y, kept[0].Y) &&
		slices.Max(values(all[before:])) <= slices.Max(values(all[:before]))
}

func fellBackText(_ *Judgement, all, kept []Point) string {
	first := "its first reading"
	if lowest := slices.Min(values(all[len(all)-thirdOf(len(kept)):])); lowest >= all[0].Y {
		first += " after the warm-up"
	}
	return "it fell below " + first + " and reached no new peak"
}

// most returns the largest growth in MB that the interval of the slope allows.
func (j *Judgement) most() float64 { return j.Rate.High * j.Span / bytesPerMB }

// checks evaluates each condition of a leak.
func (j *Judgement) checks(all, kept []Point) []Reason {
	return []Reason{
		check(Rising, j.Rate.Low > 0, "the whole interval of the slope is above zero", "the interval of the slope reaches zero"),
		check(Chance, j.P < Significant, pValue(j.P)+": not chance", pValue(j.P)+": it may be chance"),
		check(Small, j.Growth > j.Limit, "the growth is above the limit",
			fmt.Sprintf("it grew %.1f MB, within the %.1f MB that are not called a leak", j.Growth, j.Limit)),
		check(Noisy, j.Growth > noiseFactor*j.Noise, "the growth is above the noise",
			fmt.Sprintf("it grew %.1f MB in a noise of %.1f MB", j.Growth, j.Noise)),
		check(NotThirds, thirdsRise(kept), "the minima of the three thirds rise", "the minima of the three thirds do not rise"),
		check(Settling, !j.Slowing, "it grows at the end as before", "growth slows down or stopped: a warm-up, a cache that fills, or a load that ended"),
		check(NotHighest, highestLast(all, kept, j.Growth), "it holds more than ever before", "it was as high before, or it is little above the warm-up"),
		check(Jumps, !inJumps(kept, j.Growth, max(1.5*j.Limit, j.Noise)), "it grows between the jumps too", "one or two jumps are most of the growth"),
	}
}

func pValue(p float64) string {
	if p < 0.0001 {
		return "p < 0.0001"
	}
	return fmt.Sprintf("p = %.4f", p)
}

func check(code string, leak bool, yes, no string) Reason {
	if leak {
		return Reason{Code: code, Leak: true, Text: yes}
	}
	return Reason{Code: code, Text: no}
}

// thirdsRise reports whether the minimum of each third is above that of the third before.
func thirdsRise(kept []Point) bool {
	n := len(kept)
	var lows [3]float64
	for i := range lows {
		lows[i] = slices.Min(values(kept[i*n/3 : (i+1)*n/3]))
	}
	return lows[0] < lows[1] && lows[1] < lows[2]
}

// highestLast reports whether the highest reading of all, warm-up included, is in
// the last third and exceeds the warm-up by half of the growth. A saw-tooth and a
// restart return to an earlier level, and a server that released memory after its
// start may take it again.
func highestLast(all, kept []Point, growth float64) bool {
	before, warmUp := len(all)-thirdOf(len(kept)), len(all)-len(kept)
	last := slices.Max(values(all[before:]))
	return last > slices.Max(values(all[:before])) && last-slices.Max(values(all[:warmUp])) >= againShare*growth
}

// inJumps reports whether the largest jumps are most of the growth, as when a pool
// is enlarged or a buffer doubles. Without its largest jump a leak has still
// grown, and without its two largest it still rises.
func inJumps(kept []Point, growth, limit float64) bool {
	if even(kept) {
		return false
	}
	flat := slices.Clone(kept)
	removeJump(flat)
	if growthOf(flat) < max(limit, jumpShare*growth) {
		return true
	}
	removeJump(flat)
	return growthOf(flat) < limit || MannKendall(flat).P > jumpChance
}

// even reports whether no rise between two readings is far above the usual one: a
// straight line has no jumps, however few its readings are.
func even(points []Point) bool {
	rises := make([]float64, len(points)-1)
	for i := range rises {
		rises[i] = points[i+1].Y - points[i].Y
	}
	return slices.Max(rises) < evenRise*Median(rises)
}

// growthOf returns the growth of a series by its slope, which a jump hardly changes.
func growthOf(points []Point) float64 {
	slope, _ := TheilSen(points)
	return slope.Estimate * (points[len(points)-1].X - points[0].X)
}

// removeJump removes the largest rise between two readings from the series.
func removeJump(points []Point) {
	jump, from := 0.0, len(points)
	for i := 1; i < len(points); i++ {
		if rise := points[i].Y - points[i-1].Y; rise > jump {
			jump, from = rise, i
		}
	}
	for i := from; i < len(points); i++ {
		points[i].Y -= jump
	}
}
