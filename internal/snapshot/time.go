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

// fromMillis converts milliseconds since 1970.
func fromMillis(ms float64) time.Time { return time.UnixMicro(int64(ms * 1e3)) }

func timeFromNumber(v float64) (Time, error) {
	switch {
	case math.Abs(v) < firstMilli:
		return Time{time.UnixMicro(int64(v * 1e6))}, nil
	case math.Abs(v) <= lastMilli:
		return Time{fromMillis(v)}, nil
	}
	return Time{}, fmt.Errorf("%g is no time in seconds or milliseconds", v)
}

// timeOfMillis converts 13 digits, the usual form: milliseconds since 1970.
func timeOfMillis(digits []byte) (Time, bool) {
	if len(digits) != 13 {
		return Time{}, false
	}
	ms := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return Time{}, false
		}
		ms = 10*ms + int64(c-'0')
	}
	return Time{time.UnixMilli(ms)}, ms <= lastMilli
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
