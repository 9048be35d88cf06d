package trend

import "github.com/mcpdiag/mcpdiag/internal/report"

// Verdict is the conclusion on a series.
type Verdict string

// The verdicts. Undecided means that more readings, or readings with less noise, would decide.
const (
	Leak      Verdict = "leak"
	NoLeak    Verdict = "no-leak"
	Undecided Verdict = "undecided"
)

// Style returns the style of the verdict.
func (v Verdict) Style() report.Style {
	switch v {
	case Leak:
		return report.Bad
	case NoLeak:
		return report.Good
	}
	return report.Caution
}

// The units of X.
const (
	PerOperation = "operation"
	PerSecond    = "second"
)

// Judgement is a verdict with the figures behind it. Sizes are in MB of 2^20
// bytes, rates in bytes per X.
type Judgement struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []Reason `json:"reasons"`
	Per     string   `json:"per"` // unit of X: "operation" or "second"

	Readings int     `json:"readings"` // settled values, or windows of time
	Kept     int     `json:"kept"`     // of them, after the warm-up
	WarmUp   float64 `json:"warmUpMB"` // growth in the readings that were dropped
	Span     float64 `json:"span"`     // operations, or seconds, that were kept
	From     float64 `json:"from"`     // X of the first that was kept
	Level    float64 `json:"levelMB"`  // of the fitted line there

	Rate     Rate    `json:"rate"`
	Growth   float64 `json:"growthMB"`           // of the fitted line over the span
	Noise    float64 `json:"noiseMB"`            // standard deviation about the line, robust
	Limit    float64 `json:"limitMB"`            // growth below it is not called a leak
	P        float64 `json:"p"`                  // of a trend by chance (Mann–Kendall)
	Smallest float64 `json:"smallest"`           // detection limit: the smallest leak this run could have shown, bytes per X
	Late     float64 `json:"lateShare"`          // slope of the last third, as a share of the whole
	Slowing  bool    `json:"slowing"`            // growth slows down or stopped
	Bends    bool    `json:"bends"`              // the curve over all readings levels off: it may be a long warm-up
	Steps    []Step  `json:"steps"`              // jumps of the level
	Plateau  float64 `json:"plateau"`            // share of the span, at its end, without growth
	NextStep float64 `json:"nextStep,omitempty"` // X by which it grows again, if it grows in stairs
	SawTooth float64 `json:"sawToothMB"`         // height of a collector's saw-tooth, 0 if there is none

	Warnings []string `json:"warnings,omitempty"`
}

// Rate is a slope in bytes per X with its interval of 95 %.
type Rate struct {
	Bytes float64 `json:"bytes"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Reason is the outcome of one check.
type Reason struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Leak bool   `json:"leak"` // evidence for a leak
}

// The codes of reasons.
const (
	TooFew      = "too-few"
	TooShort    = "too-short"
	Rising      = "rising"       // the interval of the slope against zero
	Chance      = "chance"       // the significance of the trend
	Small       = "small"        // the growth is below the limit
	Noisy       = "noisy"        // the growth is at most noiseFactor times the noise
	Settling    = "settling"     // growth slows down
	NotThirds   = "not-thirds"   // the minima of the three thirds do not rise
	NotHighest  = "not-highest"  // it was as high before
	Jumps       = "jumps"        // one or two jumps are most of the growth
	WarmUp      = "warm-up"      // growth in the readings that were dropped
	Processes   = "processes"    // processes accumulate
	Flat        = "flat"         // no growth
	NoTrend     = "no-trend"     // no significant trend
	FellBack    = "fell-back"    // it returned below its first reading
	LevelledOff = "levelled-off" // it rose and stopped
	Stairs      = "stairs"       // it grows in steps in proportion to the level
	Bounded     = "bounded"      // the interval excludes growth above the limit
	Interrupted = "interrupted"  // the run was disturbed
)
