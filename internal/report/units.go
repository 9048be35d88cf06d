package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// MB formats mebibytes (2^20 bytes): "61.4 MB", "326 KB", "1.50 GB".
func MB(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 1000:
		return number(v/1024, 2) + " GB"
	case abs >= 1 || abs == 0:
		return number(v, 1) + " MB"
	case abs*1024 >= 1:
		return number(v*1024, 0) + " KB"
	}
	return number(v*(1<<20), 0) + " B"
}

// Signed formats v, with a plus sign if it is above zero.
func Signed(v float64, format func(float64) string) string {
	if v > 0 {
		return "+" + format(v)
	}
	return format(v)
}

// Count formats an integer with thousands separators: "12,000".
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Duration formats d with at most three digits: "532ms", "1.25s", "4m10s".
func Duration(d time.Duration) string {
	switch abs := d.Abs(); {
	case abs >= time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	case abs >= time.Minute:
		return d.Round(time.Second).String()
	case abs >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case abs >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case abs >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// Percent formats a share of 1: "12.5 %".
func Percent(share float64) string { return number(share*100, 1) + " %" }

// Millis formats milliseconds as Duration does.
func Millis(ms float64) string {
	const most = float64(math.MaxInt64 / int64(time.Millisecond))
	return Duration(time.Duration(max(-most, min(ms, most)) * float64(time.Millisecond)))
}

// InMillis returns a duration as the milliseconds that documents have.
func InMillis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Plural returns n and the noun in its number: "1 call", "2 calls".
func Plural[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Count(int64(n)) + " " + what + "s"
}

func number(v float64, decimals int) string {
	if scale := math.Pow10(decimals); math.Round(v*scale) == 0 {
		v = 0 // not -0
	}
	return fmt.Sprintf("%.*f", decimals, v)
}
