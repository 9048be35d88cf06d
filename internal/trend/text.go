package trend

import (
	"fmt"
	"math"
)

// Sentence returns the verdict in words. size formats a number of bytes.
func (j *Judgement) Sentence(size func(bytes float64) string) string {
	per, scale := j.Per, 1.0
	if per == PerSecond {
		per, scale = "hour", 3600
	}
	rate := fmt.Sprintf("%s per %s (95 %%: %s to %s)",
		size(j.Rate.Bytes*scale), per, size(j.Rate.Low*scale), size(j.Rate.High*scale))
	limit := fmt.Sprintf("(detection limit %s per %s)", size(j.Smallest*scale), per)
	switch {
	case j.Verdict == Leak:
		return "leak: it grows by " + rate
	case j.Verdict == NoLeak:
		return "no leak detected " + limit
	case len(j.Reasons) > 0 && j.Reasons[0].Code == TooShort:
		return "undecided: " + j.Reasons[0].Text
	case j.Span == 0 || math.IsNaN(j.Rate.Bytes) || j.Smallest == 0:
		return "undecided: too few readings"
	}
	return "undecided: the slope is " + rate + " " + limit
}
