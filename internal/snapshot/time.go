package snapshot

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Time is a moment, written as epoch milliseconds and read as epoch
// milliseconds, epoch seconds or RFC 3339.
type Time struct{ time.Time }

// MarshalJSON writes epoch milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, t.UnixMilli(), 10), nil
}

// Seconds since 1970 have at most 11 digits before the year 5138, and
// milliseconds have at least 12 after 1973.
const firstMilli = 1e11

// Milliseconds beyond the year 9999, the last that RFC 3339 can write.
const lastMilli = 253402300799999

func timeFromNumber(v float64) (Time, error) {
	switch {
	case math.Abs(v) < firstMilli:
		return Time{time.UnixMicro(int64(v * 1e6))}, nil
	case math.Abs(v) <= lastMilli:
		return Time{time.UnixMicro(int64(v * 1e3))}, nil
	}
	return Time{}, fmt.Errorf("%g is no time in seconds or milliseconds", v)
}

func timeFromString(s string) (Time, error) {
	if v, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(v) {
		return timeFromNumber(v)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return Time{}, fmt.Errorf("%.40q is not RFC 3339", s)
	}
	return Time{t}, nil
}
