package trend

import (
	"fmt"
	"slices"
)

// The thresholds of the rule. They were set on runs of real MCP servers and
// checked on runs they had not seen: none of 31 clean ones was called a leak, 22
// of 23 leaks were, one stayed undecided.
const (
	minReadings = 9    // fewer decide nothing
	minKept     = 6    // after the warm-up
	warmUpMin   = 3    // readings that are left out at least
	significant = 0.01 // p of a leak
	chance      = 0.05 // p above which a trend may be none
	lateShare   = 0.3  // a leak had 0.57–1.88 in its last third, a long warm-up 0.21
	lateT       = -1.0 // t of the curve: leaks with a slow last third had -0.9 and more, the warm-up less than -1.5
	slowShare   = 0.6  // second half against first, interval against interval
	bendT       = -4.0 // t of the curve: leaks had -3.6 and more, warm-ups less than -4.1
	bendShare   = 0.5  // slope of the curve at its end against its beginning
	stopShare   = 0.2  // of the usual rise, at the end
	stopNoise   = 6.0  // times the noise that the end should have risen
	jumpShare   = 0.3  // of the growth that is left without the largest jump
	jumpChance  = 0.25 // p of the rise that is left without the two largest
	againShare  = 0.5  // of the growth, above the warm-up
	limitShare  = 0.03 // of the median
	limitMB     = 2.0
	noiseFactor = 3.0 // growth over noise; the real leaks had 8 and more
	smallFactor = 4.0 // noise in the smallest leak that is surely seen
	maxReadings = 600 // more are put together: the slopes of all pairs are looked at
)

const bytesPerMB = 1 << 20

// Judge judges settled readings: memory after each round of identical
// operations, once the server had been idle for a while (the minimum of the
// process tree's RSS in the last 1.5 s of at least 3 s). X counts operations
// since the start. Readings of a busy server are JudgeTime's.
func Judge(rounds []Point) Judgement {
	points := ordered(rounds)
	if len(points) > maxReadings {
		points = Envelope(points, maxReadings)
	}
	return judge(points, PerOperation, 1)
}

func judge(points []Point, per string, strict float64) Judgement {
	j := Judgement{Per: per, Readings: len(points), P: 1, Steps: []Step{}}
	if len(points) < minReadings {
		j.Kept = len(points)
		return j.undecided(TooFew, fmt.Sprintf("%d readings; at least %d are needed", len(points), minReadings))
	}
	kept := cutWarmUp(points)
	j.Kept = len(kept)
	blank := j
	j.WarmUp = kept[0].Y - points[0].Y
	if !j.measure(kept, strict) {
		j = blank
		return j.undecided(TooFew, "the readings are at one time, or no numbers one can reckon with")
	}
	j.conclude(j.checks(points, kept))
	if j.Verdict != Leak && j.WarmUp > j.Limit {
		j.Reasons = append(j.Reasons, Reason{Code: WarmUp, Text: fmt.Sprintf(
			"before that it grew %.1f MB, which is taken for warm-up", j.WarmUp)})
	}
	return j
}

// cutWarmUp leaves out the first third, three readings at least, and keeps six
// at least: a server grows while its caches fill and its runtime compiles.
func cutWarmUp(points []Point) []Point {
	drop := max(warmUpMin, (len(points)+2)/3)
	return points[min(drop, len(points)-minKept):]
}

// measure fills in the figures; strict times the usual limit is the limit. It
// reports whether there is a slope.
func (j *Judgement) measure(kept []Point, strict float64) bool {
	first, last := kept[0], kept[len(kept)-1]
	trend := MannKendall(kept)
	slope, ok := theilSen(kept, trend.Var)
	j.Span, j.P = last.X-first.X, trend.P
	if !ok {
		return false
	}
	j.Rate = Rate{slope.Estimate * bytesPerMB, slope.Low * bytesPerMB, slope.High * bytesPerMB}
	j.Growth = slope.Estimate * j.Span
	j.From, j.Level = first.X, level(kept, slope.Estimate)
	j.Noise = mad(residuals(kept, slope.Estimate))
	j.Limit = strict * max(limitShare*Median(values(kept)), limitMB)
	j.Smallest = max(j.Limit, smallFactor*j.Noise) / j.Span * bytesPerMB
	if j.Rate.High < 0 { // what is given back hides as much that is kept
		j.Smallest -= j.Rate.Bytes
	}
	j.Steps = Steps(kept)
	j.Plateau = plateau(kept, max(j.Limit, noiseFactor*j.Noise))
	j.late(kept, slope.Estimate)
	return allFinite(j.WarmUp, j.Rate.Low, j.Rate.Bytes, j.Rate.High, j.Growth, j.Noise, j.Limit, j.Smallest, j.Late, j.Plateau)
}

// late compares the end of the span with the whole and with its beginning.
func (j *Judgement) late(kept []Point, slope float64) {
	n := len(kept)
	if end, ok := TheilSen(kept[n-thirdOf(n):]); ok && slope != 0 {
		j.Late = end.Estimate / slope
	}
	a, okA := TheilSen(kept[:(n+1)/2])
	b, okB := TheilSen(kept[n/2:])
	t, share := curvature(kept)
	j.Slowing = okA && okB && b.High < slowShare*a.Low || // one half against the other
		j.Late < lateShare && t < lateT || // the end against the whole: a few readings, which the curve has to confirm
		t < bendT && share < bendShare || // the curve alone
		stopped(kept, slope, j.Noise)
}

// thirdOf is the size of the last third; two points have a slope at least.
func thirdOf(n int) int { return max(2, (n+2)/3) }

// checks looks at each condition of a leak.
func (j *Judgement) checks(all, kept []Point) []Reason {
	return []Reason{
		check(Rising, j.Rate.Low > 0, "the slope is above zero with its whole interval", "the interval of the slope reaches zero"),
		check(Chance, j.P < significant, pValue(j.P)+": not chance", pValue(j.P)+": it may be chance"),
		check(Small, j.Growth > j.Limit, "the growth is above the limit",
			fmt.Sprintf("it grew %.1f MB, within the %.1f MB that are not called a leak", j.Growth, j.Limit)),
		check(Noisy, j.Growth > noiseFactor*j.Noise, "the growth is above the noise",
			fmt.Sprintf("it grew %.1f MB in a noise of %.1f MB", j.Growth, j.Noise)),
		check(NotThirds, thirdsRise(kept), "the lows of the three thirds rise", "the lows of the three thirds do not rise"),
		check(Settling, !j.Slowing, "it grows at the end as before", "it grows less and less, or stopped: a warm-up, a cache that fills, or a load that ended"),
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

// thirdsRise reports whether the lowest value of each third is above that of the one before.
func thirdsRise(kept []Point) bool {
	n := len(kept)
	var lows [3]float64
	for i := range lows {
		lows[i] = slices.Min(values(kept[i*n/3 : (i+1)*n/3]))
	}
	return lows[0] < lows[1] && lows[1] < lows[2]
}

// highestLast reports whether the highest reading of all, the warm-up included, is
// in the last third: a saw-tooth and a restart come back to where they were. It is
// above the warm-up by half of the growth, too: a server that gave back memory
// after its start may take it again.
func highestLast(all, kept []Point, growth float64) bool {
	before, warmUp := len(all)-thirdOf(len(kept)), len(all)-len(kept)
	last := slices.Max(values(all[before:]))
	return last > slices.Max(values(all[:before])) && last-slices.Max(values(all[:warmUp])) >= againShare*growth
}

// inJumps reports whether little of the growth is left without its largest
// jumps: a pool that was enlarged, a buffer that doubled. Without the largest, a leak
// has grown all the same; without the two largest, it still rises.
func inJumps(kept []Point, growth, limit float64) bool {
	flat := slices.Clone(kept)
	if growth-takeJump(flat) < max(limit, jumpShare*growth) {
		return true
	}
	takeJump(flat)
	rest, _ := TheilSen(flat)
	return rest.Estimate*(flat[len(flat)-1].X-flat[0].X) < limit || MannKendall(flat).P > jumpChance
}

// takeJump takes the largest rise from one reading to the next out of the series.
func takeJump(points []Point) float64 {
	jump, from := 0.0, len(points)
	for i := 1; i < len(points); i++ {
		if rise := points[i].Y - points[i-1].Y; rise > jump {
			jump, from = rise, i
		}
	}
	for i := from; i < len(points); i++ {
		points[i].Y -= jump
	}
	return jump
}

// conclude turns the checks into a verdict.
func (j *Judgement) conclude(checks []Reason) {
	against := slices.DeleteFunc(slices.Clone(checks), func(r Reason) bool { return r.Leak })
	top := j.Rate.High * j.Span / bytesPerMB // the most it may have grown
	switch {
	case len(against) == 0:
		j.Verdict, j.Reasons = Leak, checks
	case j.Growth <= 0:
		j.clear(Flat, "it did not grow")
	case top < j.Limit:
		j.clear(Bounded, fmt.Sprintf("it grew %.1f MB at most, within the %.1f MB that are not called a leak", top, j.Limit))
	case j.P > chance && j.Growth < j.Limit:
		j.clear(Small, fmt.Sprintf("it grew %.1f MB, within the %.1f MB that are not called a leak, and it may be chance", j.Growth, j.Limit))
	default:
		j.Verdict, j.Reasons = Undecided, against
	}
}

func (j *Judgement) clear(code, text string) {
	j.Verdict, j.Reasons = NoLeak, []Reason{{Code: code, Text: text}}
}

func (j Judgement) undecided(code, text string) Judgement {
	j.Verdict, j.Reasons = Undecided, []Reason{{Code: code, Text: text}}
	return j
}

// Disturbed takes back a verdict of no leak: after a restart, an OOM kill or
// lost readings a run clears nothing. A leak stays a leak.
func (j *Judgement) Disturbed(why string) {
	if j.Verdict == NoLeak {
		j.Verdict = Undecided
	}
	j.Reasons = append(j.Reasons, Reason{Code: Interrupted, Text: why})
}
