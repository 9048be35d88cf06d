package logline

import "bytes"

// zones are the abbreviations that PostgreSQL and journalctl write and that have one
// meaning, in hours from UTC.
var zones = map[string]int64{
	"UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11,
	"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}

// withZone returns the time of which n bytes at text[at:] were read, 0 if there is none,
// with the zone behind it.
func withZone(nanos int64, text []byte, at, n int) (Stamp, int) {
	if n == 0 {
		return Stamp{Missing: NoStamp}, 0
	}
	at += n
	offset, zone := parseZone(text[at:])
	s := Stamp{Nanos: nanos - offset}
	if zone == 0 {
		s.Missing = NoZone
		return s, at
	}
	at += zone
	return s, at + goSuffix(text[at:])
}

// goSuffix returns the length of the text that time.Time.String writes after the offset:
// " CET m=+0.5", the name of the zone and the monotonic clock.
func goSuffix(text []byte) int {
	n := 0
	if len(text) > 3 && text[0] == ' ' {
		_, n = namedZone(text)
	}
	clock := text[n:]
	if !bytes.HasPrefix(clock, []byte(" m=+")) && !bytes.HasPrefix(clock, []byte(" m=-")) {
		return n
	}
	n += len(" m=+")
	for n < len(text) && (isDigit(text[n]) || text[n] == '.') {
		n++
	}
	return n
}

// namedZone reads " CET".
func namedZone(text []byte) (int64, int) {
	n := 1
	for n < len(text) && n < 6 && text[n] >= 'A' && text[n] <= 'Z' {
		n++
	}
	hours, ok := zones[string(text[1:n])]
	if !ok || n < len(text) && text[n] != ' ' && text[n] != ']' {
		return 0, 0
	}
	return hours * 3600 * second, n
}

// parseZone returns the offset from UTC in nanoseconds and the length of its text, 0 if there is none.
func parseZone(text []byte) (int64, int) {
	n := 0
	if len(text) > 3 && text[0] == ' ' && text[1] >= 'A' && text[1] <= 'Z' && text[3] >= 'A' && text[3] <= 'Z' {
		return namedZone(text)
	}
	if n < len(text) && text[n] == ' ' && n+1 < len(text) && (text[n+1] == '+' || text[n+1] == '-') {
		n++
	}
	if n >= len(text) {
		return 0, 0
	}
	switch text[n] {
	case 'Z':
		return 0, n + 1
	case '+', '-':
	default:
		return 0, 0
	}
	hours := digits(text, n+1, 2)
	if hours < 0 || hours > 18 {
		return 0, 0
	}
	end, minutes := n+3, 0
	colon := end
	if colon < len(text) && text[colon] == ':' {
		colon++
	}
	if m := digits(text, colon, 2); m >= 0 {
		minutes, end = m, colon+2
	} else if text[n] == '-' || colon != end {
		return 0, 0 // "09:00:01 - logger" and the like
	}
	offset := int64(hours*3600+minutes*60) * second
	if text[n] == '-' {
		offset = -offset
	}
	return offset, end
}
