package logline

import "bytes"

// Missing lists the part that a stamp lacks.
type Missing uint8

// Parts that a stamp may lack. NoStamp means that there is none at all.
const (
	Complete Missing = iota
	NoZone           // read as if it were UTC
	NoYear           // and no zone: since the start of a leap year
	NoDate           // and no zone: since midnight
	NoStamp
)

// Stamp is a time as a line gives it: nanoseconds since 1970, as if its zone were UTC where
// it has none, and as if its year or day were the first where those are missing.
type Stamp struct {
	Nanos   int64
	Missing Missing
}

const (
	second = int64(1e9)
	day    = 86400 * second
)

// ParseTime reads a time in one of the notations that loggers use, at the start of
// text, and returns how many bytes it takes; 0 if there is none.
func ParseTime(text []byte) (Stamp, int) {
	if len(text) < 8 {
		return Stamp{Missing: NoStamp}, 0
	}
	switch {
	case isDigit(text[0]) && len(text) > 10 && (text[4] == '-' || text[4] == '/') && isDigit(text[1]):
		return parseISO(text)
	case isDigit(text[0]) && text[2] == ':':
		return parseClock(text)
	case isDigit(text[0]) && len(text) > 16 && text[2] == '/' && text[5] == '/':
		return parseUS(text)
	case isDigit(text[0]):
		return parseDayFirst(text)
	case text[0] >= 'A' && text[0] <= 'Z' && text[3] == ' ' && len(text) >= 24 && text[4] >= 'A':
		return parseWeekday(text)
	case text[0] >= 'A' && text[0] <= 'Z':
		return parseMonthFirst(text)
	}
	return Stamp{Missing: NoStamp}, 0
}

// parseISO reads 2026-11-25T09:00:01.250Z and its relatives: blank or T, dash or
// slash, comma or point, Z, +01:00, +0100, " UTC" or nothing.
func parseISO(text []byte) (Stamp, int) {
	year, month, dom := digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2)
	if year < 0 || month < 1 || month > 12 || dom < 1 || dom > 31 || text[7] != text[4] || year < 1970 || year > 2260 {
		return Stamp{Missing: NoStamp}, 0
	}
	days := daysSince1970(year, month, dom)
	if len(text) < 19 || text[10] != 'T' && text[10] != ' ' {
		return Stamp{Missing: NoStamp}, 0
	}
	nanos, n := timeOfDay(text[11:])
	if n == 0 {
		return Stamp{Missing: NoStamp}, 0
	}
	n += 11
	offset, zone := parseZone(text[n:])
	s := Stamp{Nanos: days*day + nanos - offset}
	if zone == 0 {
		s.Missing = NoZone
	}
	return s, n + zone
}

// timeOfDay reads 09:00:01, with or without a fraction behind a point or comma, and
// returns nanoseconds since midnight and the length of the text, 0 if there is no time.
func timeOfDay(text []byte) (int64, int) {
	if len(text) < 8 || text[2] != ':' || text[5] != ':' {
		return 0, 0
	}
	h, m, s := digits(text, 0, 2), digits(text, 3, 2), digits(text, 6, 2)
	if h < 0 || h > 24 || m < 0 || m > 59 || s < 0 || s > 60 {
		return 0, 0
	}
	nanos, n := int64(h*3600+m*60+s)*second, 8
	if n+1 < len(text) && (text[n] == '.' || text[n] == ',') && isDigit(text[n+1]) {
		n++
		for unit := second / 10; n < len(text) && isDigit(text[n]); n++ {
			nanos += int64(text[n]-'0') * unit
			unit /= 10
		}
	}
	return nanos, n
}

// parseZone returns the offset from UTC in nanoseconds and the length of its text, 0 if there is none.
func parseZone(text []byte) (int64, int) {
	n := 0
	if bytes.HasPrefix(text, []byte(" UTC")) || bytes.HasPrefix(text, []byte(" GMT")) {
		return 0, 4
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

// parseClock reads a time of day without a date: 09:00:28.789.
func parseClock(text []byte) (Stamp, int) {
	nanos, n := timeOfDay(text)
	if n == 0 {
		return Stamp{Missing: NoStamp}, 0
	}
	return Stamp{Nanos: nanos, Missing: NoDate}, n
}

// parseKitchen reads 9:00AM, as zerolog's console writes it.
func parseKitchen(text []byte) (Stamp, int) {
	colon := bytes.IndexByte(text[:min(3, len(text))], ':')
	if colon < 1 || len(text) < colon+5 {
		return Stamp{Missing: NoStamp}, 0
	}
	h, m, half := digits(text, 0, colon), digits(text, colon+1, 2), string(text[colon+3:colon+5])
	if h < 1 || h > 12 || m < 0 || m > 59 || half != "AM" && half != "PM" {
		return Stamp{Missing: NoStamp}, 0
	}
	h %= 12
	if half == "PM" {
		h += 12
	}
	return Stamp{Nanos: int64(h*3600+m*60) * second, Missing: NoDate}, colon + 5
}

// parseUS reads 11/25/26 09:00:18, month first, as rich writes it.
func parseUS(text []byte) (Stamp, int) {
	month, dom, year := digits(text, 0, 2), digits(text, 3, 2), digits(text, 6, 2)
	if month < 1 || month > 12 || dom < 1 || dom > 31 || year < 0 || text[8] != ' ' {
		return Stamp{Missing: NoStamp}, 0
	}
	nanos, n := timeOfDay(text[9:])
	if n == 0 {
		return Stamp{Missing: NoStamp}, 0
	}
	return Stamp{Nanos: daysSince1970(2000+year, month, dom)*day + nanos, Missing: NoZone}, 9 + n
}

// parseDayFirst reads 25/Nov/2026:09:00:30 +0000 (access logs) and 25 Nov 2026 09:00:56.789 (Redis).
func parseDayFirst(text []byte) (Stamp, int) {
	if len(text) < 20 || text[2] != text[6] || text[2] != '/' && text[2] != ' ' {
		return Stamp{Missing: NoStamp}, 0
	}
	dom, month, year := digits(text, 0, 2), monthOf(text[3:6]), digits(text, 7, 4)
	nanos, n := timeOfDay(text[12:])
	if dom < 1 || dom > 31 || month == 0 || year < 1970 || n == 0 {
		return Stamp{Missing: NoStamp}, 0
	}
	n += 12
	offset, zone := parseZone(text[n:])
	s := Stamp{Nanos: daysSince1970(year, month, dom)*day + nanos - offset}
	if zone == 0 {
		s.Missing = NoZone
	}
	return s, n + zone
}

// parseMonthFirst reads Nov 25 09:00:53, as syslog writes it: no year, no zone.
func parseMonthFirst(text []byte) (Stamp, int) {
	month := monthOf(text[:3])
	if month == 0 || len(text) < 15 || text[3] != ' ' || text[6] != ' ' {
		return Stamp{Missing: NoStamp}, 0
	}
	dom := digits(text, 4, 2)
	if text[4] == ' ' {
		dom = digits(text, 5, 1)
	}
	nanos, n := timeOfDay(text[7:])
	if dom < 1 || dom > 31 || n == 0 {
		return Stamp{Missing: NoStamp}, 0
	}
	return Stamp{Nanos: yearZero(month, dom) + nanos, Missing: NoYear}, 7 + n
}

// parseWeekday reads Wed Nov 25 09:00:03.123456 2026, as Apache writes it.
func parseWeekday(text []byte) (Stamp, int) {
	s, n := parseMonthFirst(text[4:])
	n += 4
	year := digits(text, n+1, 4)
	if n == 4 || text[min(n, len(text)-1)] != ' ' || year < 1970 || year > 2260 {
		return Stamp{Missing: NoStamp}, 0
	}
	month, dom := monthOf(text[4:7]), int(text[9]-'0')
	if text[8] != ' ' {
		dom += 10 * int(text[8]-'0')
	}
	return Stamp{Nanos: daysSince1970(year, month, dom)*day + s.Nanos%day, Missing: NoZone}, n + 5
}

// yearZero is the start of a day within a leap year, from the year's first day on.
func yearZero(month, dom int) int64 {
	return (daysSince1970(2000, month, dom) - daysSince1970(2000, 1, 1)) * day
}

// stampOfNumber reads the time since 1970 as a decimal number; its magnitude decides
// between seconds, milliseconds, microseconds and nanoseconds.
func stampOfNumber(number []byte) Stamp {
	whole, frac, _ := bytes.Cut(number, []byte("."))
	if len(whole) < 9 || len(whole) > 19 || bytes.ContainsAny(frac, "eE+-") {
		return Stamp{Missing: NoStamp}
	}
	n := int64(0)
	for _, c := range whole {
		if !isDigit(c) || n > (1<<63-10)/10 {
			return Stamp{Missing: NoStamp}
		}
		n = n*10 + int64(c-'0')
	}
	unit := second
	for limit := int64(1e11); n >= limit && unit > 1; limit *= 1000 {
		unit /= 1000
	}
	nanos := n * unit
	for _, c := range frac {
		unit /= 10
		if !isDigit(c) {
			break
		}
		nanos += int64(c-'0') * unit
	}
	return Stamp{Nanos: nanos}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// digits reads n decimal digits at text[at:], -1 if they are not there.
func digits(text []byte, at, n int) int {
	if at < 0 || at+n > len(text) {
		return -1
	}
	v := 0
	for _, c := range text[at : at+n] {
		if !isDigit(c) {
			return -1
		}
		v = v*10 + int(c-'0')
	}
	return v
}

// monthOf returns the number of an English month abbreviation, 0 if it is none.
func monthOf(name []byte) int {
	i := bytes.Index([]byte("JanFebMarAprMayJunJulAugSepOctNovDec"), name[:3])
	if i < 0 || i%3 != 0 {
		return 0
	}
	return i/3 + 1
}

// daysSince1970 counts the days of the proleptic Gregorian calendar
// (H. Hinnant, chrono-Compatible Low-Level Date Algorithms, days_from_civil).
func daysSince1970(year, month, dom int) int64 {
	y := year
	if month <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*((month+9)%12)+2)/5 + dom - 1
	return int64(era*146097+yoe*365+yoe/4-yoe/100+doy) - 719468
}
