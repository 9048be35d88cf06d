package trend

import "fmt"

// The thresholds of the rule. They were set on recorded runs of real MCP servers,
// testdata/memory among them: figures on those runs are in-sample.
const (
	minReadings = 9    // fewer readings are not judged
	minKept     = 6    // readings after the warm-up
	minLate     = 8    // the last readings, which may show that it stopped to rise
	warmUpMin   = 3    // readings dropped as warm-up
	chance      = 0.05 // p above which there may be no trend
	lateShare   = 0.3  // slope of the last third over the whole: leaks had 0.57–1.88, a long warm-up 0.21
	lateT       = -1.0 // t of the curve: leaks with a slow last third had -0.9 and more, the warm-up less than -1.5
	slowShare   = 0.6  // slope of the second half over the first, interval against interval
	bendT       = -4.0 // t of the curve: leaks had -3.6 and more, warm-ups less than -4.1
	bendShare   = 0.5  // slope of the curve at its end over that at its beginning
	wholeBendT  = -2.7 // t of the curve over all readings, warm-up included
	stopShare   = 0.2  // of the usual rise, at the end
	stopNoise   = 6.0  // times the noise that the end should have risen
	jumpShare   = 0.3  // of the growth that is left without the largest jump
	jumpChance  = 0.25 // p of the rise that is left without the two largest jumps
	evenRise    = 1.5  // times the usual rise that is no jump
	againShare  = 0.5  // of the growth, above the warm-up
	limitShare  = 0.03 // of the median
	limitMB     = 2.0
	noiseFactor = 3.0 // growth over noise; the real leaks had 8 and more
	smallFactor = 4.0 // noise in the detection limit
	maxReadings = 600 // more are reduced to their envelope: all pairs of readings are compared
)

// Significant is the p below which a rise is not chance.
const Significant = 0.01

const bytesPerMB = 1 << 20

// Judge judges settled readings: memory after each round of identical operations,
// read when the server has been idle for a while (the minimum of the process
// tree's RSS in the last 1.5 s of at least 3 s). X counts operations since the
// start. For readings of a busy server use JudgeTime.
func Judge(rounds []Point) Judgement {
	points := ordered(rounds)
	if len(points) > maxReadings {
		points = Envelope(points, maxReadings)
	}
	return judge(points, PerOperation, 1)
}

// liveStrict scales the growth that is not called a leak for live heaps: their noise is
// a tenth of that of RSS and less.
const liveStrict = 0.15

// JudgeLive judges readings of the live heap after a collection, as Judge does RSS.
func JudgeLive(rounds []Point) Judgement {
	points := ordered(rounds)
	if len(points) > maxReadings {
		points = Envelope(points, maxReadings)
	}
	j := judge(points, PerOperation, liveStrict)
	j.climb(points)
	return j
}

// judge judges ordered points. strict scales the growth that is not called a leak.
func judge(points []Point, per string, strict float64) Judgement {
	j := Judgement{Per: per, Readings: len(points), P: 1, Steps: []Step{}}
	if len(points) < minReadings {
		j.Kept = len(points)
		return j.undecided(TooFew, fmt.Sprintf("%d readings; at least %d are needed", len(points), minReadings))
	}
	if !j.decide(points, cutWarmUp(points), strict) {
		return j.undecided(TooFew, "all readings are at the same X, or out of range")
	}
	j.levelOff(points, strict)
	if j.Verdict != Leak && j.WarmUp > j.Limit {
		j.Reasons = append(j.Reasons, Reason{Code: WarmUp, Text: fmt.Sprintf(
			"before that it grew %.1f MB, which counts as warm-up", j.WarmUp)})
	}
	return j
}

// decide computes the figures of kept and concludes. It reports whether there are any.
func (j *Judgement) decide(points, kept []Point, strict float64) bool {
	measured := *j
	measured.WarmUp = kept[0].Y - points[0].Y
	j.Kept, measured.Kept = len(kept), len(kept)
	if !measured.measure(points, kept, strict) {
		return false
	}
	*j = measured
	j.conclude(points, kept)
	return true
}

// levelOff clears a series that is undecided because it rose for longer than a warm-up
// and then stopped, as a cache that fills does. A leak does not stop: the last readings
// exclude a good part of the rate before them, and show no growth of their own.
func (j *Judgement) levelOff(points []Point, strict float64) {
	n := len(points)
	late := points[n-min(n, max(minLate, thirdOf(n))):]
	if j.Verdict != Undecided || len(late) >= j.Kept {
		return
	}
	from, to := points[n-j.Kept], late[0]
	rose := (to.Y - from.Y) / (to.X - from.X) * bytesPerMB
	end := Judgement{Per: j.Per, Readings: n, P: 1, Steps: []Step{}}
	if !end.decide(points, late, strict) || end.Verdict == Leak || end.Rate.Low > 0 && end.Growth > end.Limit || end.Rate.High >= stopShare*rose {
		return
	}
	*j = end
	j.Verdict, j.Smallest = NoLeak, max(j.Smallest, j.Rate.High)
	j.Reasons = []Reason{{Code: LevelledOff, Text: fmt.Sprintf("it rose by %.1f MB and stopped: in the last %d rounds it grew %.1f MB at most", to.Y-points[0].Y, len(late), max(0, j.most()))}}
}

// cutWarmUp drops the first third, at least three readings, and keeps at least
// six: a server grows while its caches fill and its runtime compiles.
func cutWarmUp(points []Point) []Point {
	drop := max(warmUpMin, (len(points)+2)/3)
	return points[min(drop, len(points)-minKept):]
}

// measure computes the figures of kept. It reports whether there is a slope and
// all figures are finite.
func (j *Judgement) measure(all, kept []Point, strict float64) bool {
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
	if j.Rate.High < 0 { // released memory hides a leak of the same size
		j.Smallest -= j.Rate.Bytes
	}
	j.Steps = Steps(kept)
	j.Plateau = j.plateau(kept)
	j.late(kept, slope.Estimate)
	t, share := curvature(all)
	j.Bends = t < wholeBendT && share < bendShare
	return allFinite(j.WarmUp, j.Rate.Low, j.Rate.Bytes, j.Rate.High, j.Growth, j.Noise, j.Limit, j.Smallest, j.Late, j.Plateau)
}

// late compares the end of the span with the whole span and with its beginning.
func (j *Judgement) late(kept []Point, slope float64) {
	n := len(kept)
	if end, ok := TheilSen(kept[n-thirdOf(n):]); ok && slope != 0 {
		j.Late = end.Estimate / slope
	}
	a, okA := TheilSen(kept[:(n+1)/2])
	b, okB := TheilSen(kept[n/2:])
	t, share := curvature(kept)
	j.Slowing = okA && okB && b.High < slowShare*a.Low || // one half against the other
		j.Late < lateShare && t < lateT || // the end against the whole: few readings, so the curve must confirm
		t < bendT && share < bendShare || // the curve alone
		stopped(kept, slope, j.Noise)
}

// thirdOf returns the size of the last third, at least two points.
func thirdOf(n int) int { return max(2, (n+2)/3) }

// Disturbed withdraws a verdict of no leak: after a restart, an out-of-memory
// kill or lost readings a run clears nothing. A leak stays a leak.
func (j *Judgement) Disturbed(why string) {
	if j.Verdict == NoLeak {
		j.Verdict = Undecided
	}
	j.Reasons = append(j.Reasons, Reason{Code: Interrupted, Text: why})
}

func (j Judgement) undecided(code, text string) Judgement {
	j.Verdict, j.Reasons = Undecided, []Reason{{Code: code, Text: text}}
	return j
}
