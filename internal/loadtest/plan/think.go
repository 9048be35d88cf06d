package plan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Think is the time between two calls of a user. The zero value is none.
type Think struct {
	Least, Most time.Duration // uniform between the two
	Median      time.Duration // lognormal, if above 0
	Sigma       float64       // of the logarithm
}

// maxThink bounds a lognormal think time, whose tail is infinite.
const maxThink = 10 * time.Minute

// Draw draws the next think time.
func (t Think) Draw(r *rand.Rand) time.Duration {
	switch {
	case t.Median > 0:
		return time.Duration(min(float64(t.Median)*math.Exp(t.Sigma*r.NormFloat64()), float64(maxThink)))
	case t.Most > t.Least:
		return t.Least + time.Duration(r.Int64N(int64(t.Most-t.Least)+1))
	}
	return t.Least
}

const lognormal = "lognormal:"

// ParseThink parses "1s", "0.1s..2s" and "lognormal:1s,0.5" (median, sigma).
func ParseThink(text string) (Think, error) {
	if rest, ok := strings.CutPrefix(text, lognormal); ok {
		median, sigma, _ := strings.Cut(rest, ",")
		m, err := parseTime(median)
		s, err2 := strconv.ParseFloat(sigma, 64)
		if err != nil || err2 != nil || m <= 0 || !(s > 0 && s <= 5) {
			return Think{}, fmt.Errorf("invalid think time %q: want a median and a sigma, such as lognormal:1s,0.5", text)
		}
		return Think{Median: m, Sigma: s}, nil
	}
	from, to, both := strings.Cut(text, "..")
	if !both {
		to = from
	}
	least, err := parseTime(from)
	most, err2 := parseTime(to)
	if err != nil || err2 != nil || most < least {
		return Think{}, fmt.Errorf("invalid think time %q: want 1s, 0.1s..2s or lognormal:1s,0.5", text)
	}
	return Think{Least: least, Most: most}, nil
}

func (t Think) String() string {
	switch {
	case t.Median > 0:
		return fmt.Sprintf("%s%s,%g", lognormal, t.Median, t.Sigma)
	case t.Most > t.Least:
		return t.Least.String() + ".." + t.Most.String()
	}
	return t.Least.String()
}

// parseTime reads a duration; a number alone is seconds.
func parseTime(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if v, err := strconv.ParseFloat(text, 64); err == nil && v >= 0 && v < math.MaxInt64/1e9 {
		return time.Duration(v * float64(time.Second)), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("invalid duration %q: want 10, 10s, 1m30s or 500ms", text)
	}
	return d, nil
}

// ParseBurst parses "10/30s": ten calls, then thirty seconds of rest.
func ParseBurst(text string) (Burst, error) {
	calls, rest, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(strings.TrimSpace(calls))
	d, err2 := parseTime(rest)
	if err != nil || err2 != nil || n < 1 || d <= 0 {
		return Burst{}, fmt.Errorf("invalid burst %q: want calls and a rest, such as 10/30s", text)
	}
	return Burst{Calls: n, Rest: d}, nil
}

func (b Burst) String() string {
	if b.Calls == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%s", b.Calls, b.Rest)
}

// MaxRate bounds a rate: beyond it the schedule itself would be the load.
const MaxRate = 1e6

// ParseRate parses calls per second: "200", "200/s", "90/m".
func ParseRate(text string) (float64, error) {
	number, unit, _ := strings.Cut(text, "/")
	per := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || per == 0 || !(v > 0) || v/per > MaxRate {
		return 0, fmt.Errorf("invalid rate %q: want 200/s or 90/m, at most %g per second", text, float64(MaxRate))
	}
	return v / per, nil
}

// NewRand returns the random numbers of one purpose in a run with a seed.
func NewRand(seed, purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, purpose)) //nolint:gosec // not a secret
}
