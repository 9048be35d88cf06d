package trend

import (
	"fmt"
	"slices"
)

// What a series over time must have, beyond what rounds must. It is looked at
// while the server works, nothing says how many operations there were, and the
// first minutes of a server are all warm-up: so the growth must be twice as
// large, the run not too short, and the verdict the same in windows of two widths.
const (
	minSeconds  = 30
	timeStrict  = 2
	wideWindows = 24
	fineWindows = 40
	perWindow   = 2 // samples
)

// JudgeTime judges raw readings over time, as a monitor takes them: X is in
// seconds. Of each of 24 windows the lowest reading counts, which is the level
// under the saw-tooth of a collector. Memory that follows a load which itself
// grows is no leak, but looks like one from here: Judge knows the operations.
func JudgeTime(samples []Point) Judgement {
	points := ordered(samples)
	j := judge(Envelope(points, min(wideWindows, len(points)/perWindow)), PerSecond, timeStrict)
	j.SawTooth = SawTooth(points)
	if len(points) > 0 {
		if span := points[len(points)-1].X - points[0].X; span < minSeconds {
			j = j.undecided(TooShort, fmt.Sprintf("%.0f s were watched; at least %d s are needed", span, minSeconds))
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

// onlySettling reports whether nothing but the shape of the growth speaks against
// a leak: narrow windows hold more of the saw-tooth, and the wide ones see the shape better.
func onlySettling(j Judgement) bool {
	return j.Verdict == Undecided && !slices.ContainsFunc(j.Reasons, func(r Reason) bool { return r.Code != Settling && r.Code != WarmUp })
}

// SawTooth is the usual height of a collector's teeth: the median of the falls
// from a peak to the low after it, where there are three at least that are
// larger than the noise from reading to reading. 0 where there are not.
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
