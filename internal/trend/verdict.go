package trend

// Verdict says what became of the memory.
type Verdict string

// The verdicts. Undecided says that more or calmer readings would decide.
const (
	Leak      Verdict = "leak"
	NoLeak    Verdict = "no-leak"
	Undecided Verdict = "undecided"
)

// What X counts.
const (
	PerOperation = "operation"
	PerSecond    = "second"
)

// Judgement is a verdict with all that led to it. Sizes are in MB of 2^20
// bytes, rates in bytes per X.
type Judgement struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []Reason `json:"reasons"`
	Per     string   `json:"per"` // what X counts: "operation" or "second"

	Readings int     `json:"readings"` // settled values, or windows of time
	Kept     int     `json:"kept"`     // of them, after the warm-up
	WarmUp   float64 `json:"warmUpMB"` // growth in what was left out
	Span     float64 `json:"span"`     // operations, or seconds, that were kept
	From     float64 `json:"from"`     // X of the first that was kept
	Level    float64 `json:"levelMB"`  // of the fitted line there

	Rate     Rate    `json:"rate"`
	Growth   float64 `json:"growthMB"`   // of the fitted line over the span
	Noise    float64 `json:"noiseMB"`    // standard deviation about the line, robust
	Limit    float64 `json:"limitMB"`    // growth below it is not called a leak
	P        float64 `json:"p"`          // of a trend by chance (Mann–Kendall)
	Smallest float64 `json:"smallest"`   // the smallest leak this run could have seen, bytes per X
	Late     float64 `json:"lateShare"`  // slope of the last third, as a share of the whole
	Slowing  bool    `json:"slowing"`    // it rises less and less, or no more
	Steps    []Step  `json:"steps"`      // jumps of the level
	Plateau  float64 `json:"plateau"`    // share of the span, at its end, without growth
	SawTooth float64 `json:"sawToothMB"` // height of a collector's saw-tooth, 0 where there is none

	Warnings []string `json:"warnings,omitempty"`
}

// Rate is a slope in bytes per X with its interval of 95 %.
type Rate struct {
	Bytes float64 `json:"bytes"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Reason is one thing that was looked at, and whether it speaks for a leak.
type Reason struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Leak bool   `json:"leak"` // it speaks for a leak
}

// Codes of reasons.
const (
	TooFew      = "too-few"
	TooShort    = "too-short"
	Rising      = "rising"      // the slope is above zero with its whole interval
	Chance      = "chance"      // a trend is less likely than chance
	Small       = "small"       // the growth is below the limit
	Noisy       = "noisy"       // the growth is at most noiseFactor times the noise
	Settling    = "settling"    // it still grows, but less and less
	NotThirds   = "not-thirds"  // the lows of the three thirds do not rise
	NotHighest  = "not-highest" // it was as high before
	Jumps       = "jumps"       // one or two jumps are most of the growth
	WarmUp      = "warm-up"     // growth in what was left out
	Processes   = "processes"   // the server keeps processes
	Flat        = "flat"        // no growth
	Bounded     = "bounded"     // the interval excludes growth above the limit
	Interrupted = "interrupted" // the readings are not of one undisturbed run
)
