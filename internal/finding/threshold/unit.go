package threshold

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Unit is the unit of a metric. It decides how a limit may be written.
type Unit int

// Units.
const (
	Count        Unit = iota // "100"
	Megabytes                // 2^20 bytes: "500MB", "2GB", "64KB"; a bare number is MB
	Milliseconds             // "30s", "500ms"; a bare number is seconds
	Latency                  // milliseconds that require a unit: "500ms"
	Share                    // of 1: "1%", "0.01"
	Rate                     // per second: "200", "200/s"
)

func (u Unit) parse(s string) (float64, error) {
	switch u {
	case Megabytes:
		return parseMegabytes(s)
	case Milliseconds, Latency:
		return u.parseMilliseconds(s)
	case Share:
		return parseShare(s)
	case Rate:
		return parseNumber(strings.TrimSuffix(s, "/s"), "200")
	case Count:
	}
	return parseNumber(s, "100")
}

func parseMegabytes(s string) (float64, error) {
	number, factor := strings.ToUpper(s), 1.0
	for suffix, f := range map[string]float64{"GB": 1024, "MB": 1, "KB": 1.0 / 1024} {
		if digits, ok := strings.CutSuffix(number, suffix); ok {
			number, factor = digits, f
			break
		}
	}
	v, err := parseNumber(strings.TrimSpace(number), "500MB")
	if err != nil {
		return 0, invalid(s, "500MB")
	}
	return v * factor, nil
}

func (u Unit) parseMilliseconds(s string) (float64, error) {
	if v, err := parseNumber(s, ""); err == nil {
		if u == Latency {
			return 0, fmt.Errorf("%q needs a unit, as in %sms", s, s)
		}
		return v * 1000, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, invalid(s, "500ms or 30s")
	}
	return report.InMillis(d), nil
}

func parseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	v, err := parseNumber(strings.TrimSpace(number), "1% or 0.01")
	if percent {
		v /= 100
	}
	if err == nil && v > 1 {
		return 0, fmt.Errorf("%q is more than 100%%; write 1%% or 0.01", s)
	}
	return v, err
}

// decimal excludes the hexadecimal numbers, underscores, NaN and infinities that
// strconv.ParseFloat accepts.
var decimal = regexp.MustCompile(`^\+?[0-9.]+([eE][-+]?[0-9]+)?$`)

func parseNumber(s, example string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !decimal.MatchString(s) {
		return 0, invalid(s, example)
	}
	return v, nil
}

func invalid(s, example string) error {
	return fmt.Errorf("invalid limit %q: want a value such as %s", s, example)
}
