package stacks

import (
	"math"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Unit is the unit of the weights.
type Unit string

// The units with a name of their own; other units keep the name they have in the input.
const (
	Millis  Unit = "ms"
	Samples Unit = "samples"
	Bytes   Unit = "bytes"
)

// UnitOf returns the unit with a profiler's name, and the factor that converts to it.
func UnitOf(name string) (Unit, float64) {
	switch name {
	case "nanoseconds", "ns":
		return Millis, 1e-6
	case "microseconds", "us", "µs":
		return Millis, 1e-3
	case "milliseconds", "ms":
		return Millis, 1
	case "seconds", "s":
		return Millis, 1e3
	case "bytes", "byte", "b", "B":
		return Bytes, 1
	case "kilobytes", "kilobyte", "kb", "kB", "KB", "KiB":
		return Bytes, 1 << 10
	case "megabytes", "megabyte", "mb", "MB", "MiB":
		return Bytes, 1 << 20
	case "gigabytes", "gigabyte", "gb", "GB", "GiB":
		return Bytes, 1 << 30
	case "", "none", "count", "samples":
		return Samples, 1
	}
	return Unit(name), 1
}

// Sampled reports whether weights come from samples, so that more samples make
// shares more certain. Memory and objects are counted, not sampled over time.
func (u Unit) Sampled() bool { return u == Millis || u == Samples }

// Format writes a weight for people.
func (u Unit) Format(v float64) string {
	switch u {
	case Millis:
		return report.Millis(v)
	case Bytes:
		if v == 0 {
			return "0 B" // zero megabytes read as a rounded figure
		}
		return report.MB(v / (1 << 20))
	case Samples:
		return Plural(v, "sample")
	}
	return Number(v) + " " + string(u)
}

// Plural writes a number of things.
func Plural(v float64, noun string) string {
	if v == 1 {
		return "1 " + noun
	}
	return Number(v) + " " + noun + "s"
}

// Number writes whole numbers with separated thousands, others with two decimals.
func Number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return report.Count(int64(v))
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// AppendNumber appends a weight for programs: no exponent, at most six decimals.
func AppendNumber(dst []byte, v float64) []byte {
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

// Share returns part as a share of whole, 0 if the whole is 0.
func Share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// Printable returns a name in the form in which it is shown and written.
func Printable(name string) string {
	if name == "" {
		return "(unnamed)"
	}
	return report.Line(name)
}
