package logline

import (
	"bytes"
	"strconv"
	"time"
)

// ParseDuration reads a duration that carries its unit: 532ms, 1.2s, 1m3s, PT1.2S, 00:00:01.2, 31 ms.
func ParseDuration(text []byte) (time.Duration, bool) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || len(text) > 40 {
		return 0, false
	}
	if text[0] == 'P' {
		return parseISODuration(text)
	}
	if bytes.IndexByte(text, ':') > 0 {
		return parseColonDuration(text)
	}
	if isDigit(text[len(text)-1]) {
		return 0, false // without a unit
	}
	s := string(bytes.ReplaceAll(text, []byte(" "), nil))
	for _, long := range [...]struct{ word, unit string }{
		{"milliseconds", "ms"}, {"millis", "ms"}, {"microseconds", "us"}, {"nanoseconds", "ns"}, {"seconds", "s"}, {"second", "s"}, {"secs", "s"}, {"sec", "s"},
	} {
		if rest, ok := cutSuffix(s, long.word); ok {
			s = rest + long.unit
			break
		}
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}

func cutSuffix(s, suffix string) (string, bool) {
	if len(s) > len(suffix) && s[len(s)-len(suffix):] == suffix && isDigit(s[len(s)-len(suffix)-1]) {
		return s[:len(s)-len(suffix)], true
	}
	return s, false
}

// parseISODuration reads the time part of ISO 8601 durations: PT1M3.5S.
func parseISODuration(text []byte) (time.Duration, bool) {
	rest, ok := bytes.CutPrefix(text, []byte("PT"))
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(string(bytes.ToLower(rest)))
	return d, err == nil && d >= 0
}

// parseColonDuration reads hours, minutes and seconds: 00:00:01.2.
func parseColonDuration(text []byte) (time.Duration, bool) {
	parts := bytes.Split(text, []byte(":"))
	if len(parts) != 3 {
		return 0, false
	}
	total := 0.0
	for _, part := range parts {
		n, err := strconv.ParseFloat(string(part), 64)
		if err != nil || n < 0 || n > 1e6 {
			return 0, false
		}
		total = total*60 + n
	}
	return time.Duration(total * float64(time.Second)), true
}
