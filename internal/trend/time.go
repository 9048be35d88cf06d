package trend

import (
	"cmp"
	"fmt"
	"slices"
)

// A series over time must meet stricter conditions than rounds: the server works
// while it is read, the number of operations is unknown, and the first minutes of a
// server are all warm-up. The growth must be twice as large, the run long enough,
// and the verdict the same in windows of two widths.
const (
	minSeconds  = 30
	timeStrict  = 2
	wideWindows = 24
	fineWindows = 40
	perWindow   = 2 // samples
)

// JudgeTime judges raw readings over time: X is in seconds. It uses the lowest
// reading of each of 24 windows, which is the level under the saw-tooth of a
// collector. Memory that follows a growing load looks like a leak here; Judge, which
// knows the operations, is not fooled.
func JudgeTime(samples []Point) Judgement {
	points := ordered(samples)
	j := judge(Envelope(points, min(wideWindows, len(points)/perWindow)), PerSecond, timeStrict)
	j.SawTooth = SawTooth(points)
	if from, _ := slices.BinarySearchFunc(points, j.From, func(p Point, x float64) int { return cmp.Compare(p.X, x) }); j.Span > 0 && j.SawTooth == 0 {
		j.Plateau = j.plateau(points[from:]) // the lows end before the readings do
	}
	if len(points) > 0 {
		if span := points[len(points)-1].X - points[0].X; span < minSeconds {
			j = j.undecided(TooShort, fmt.Sprintf("%.0f s of readings; at least %d s are needed", span, minSeconds))
		}
	}
	if j.Verdict != Leak || len(points) < fineWindows*perWindow {
		return j
	}
	if fine := judge(Envelope(points, fineWindows), PerSecond, timeStrict); fine.Verdict != Leak && !onlySettling(fine) {
		j.Verdict, j.Reasons = Undecided, fine.Reasons
	}
	return j
}

// onlySettling reports whether the shape of the growth is the only evidence against
// a leak. Narrow windows contain more of the saw-tooth; wide windows show the shape better.
func onlySettling(j Judgement) bool {
	return j.Verdict == Undecided && !slices.ContainsFunc(j.Reasons, func(r Reason) bool { return r.Code != Settling && r.Code != WarmUp })
}

// SawTooth returns the usual height of a collector's saw-tooth: the median of the
// falls from a peak to the next low that exceed the noise of consecutive readings.
// It is 0 for fewer than three such falls.
func SawTooth(points []Point) float64 {
	noise := max(noiseFactor*mad(differences(points)), limitMB/stepNoise)
	var falls []float64
	peak, low := 0.0, 0.0
	for i, p := range points {
		switch {
		case i == 0 || p.Y > low+noise && peak-low > noise: // it rises again: the tooth is over
			if i > 0 {
				falls = append(falls, peak-low)
			}
			peak, low = p.Y, p.Y
		case p.Y > peak:
			peak, low = p.Y, p.Y
		default:
			low = min(low, p.Y)
		}
	}
	if len(falls) < 3 {
		return 0
	}
	return Median(falls)
}
