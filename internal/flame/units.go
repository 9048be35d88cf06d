package flame

import (
	"math"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Format writes a weight as people read it.
func (u Unit) Format(v float64) string {
	switch u {
	case Millis:
		return report.Millis(v)
	case Bytes:
		return report.MB(v / (1 << 20))
	case Samples:
		return plural(v, "sample")
	}
	return number(v) + " " + string(u)
}

func plural(v float64, noun string) string {
	if v == 1 {
		return "1 " + noun
	}
	return number(v) + " " + noun + "s"
}

// number writes whole numbers with thousands apart, others with two decimals.
func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return report.Count(int64(v))
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// plain writes a weight as programs read it: no exponent, at most six decimals.
func plain(dst []byte, v float64) []byte {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return strconv.AppendInt(dst, int64(v), 10)
	}
	dst = strconv.AppendFloat(dst, v, 'f', 6, 64)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	if dst[len(dst)-1] == '.' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// toMillis is how many milliseconds are in one of unit, 0 where it is no time.
func toMillis(unit string) float64 {
	switch unit {
	case "nanoseconds", "ns":
		return 1e-6
	case "microseconds", "us", "µs":
		return 1e-3
	case "milliseconds", "ms":
		return 1
	case "seconds", "s":
		return 1e3
	}
	return 0
}

// unitOf names a unit as this package does, and says what to multiply by.
func unitOf(unit string) (Unit, float64) {
	if ms := toMillis(unit); ms != 0 {
		return Millis, ms
	}
	switch unit {
	case "bytes":
		return Bytes, 1
	case "", "none", "count", "samples":
		return Samples, 1
	}
	return Unit(unit), 1
}
