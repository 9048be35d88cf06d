package logline

import (
	"bytes"
	"math"
)

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
	case isDigit(text[0]) && len(text) > 10 && (text[4] == '-' || text[4] == '/' || text[4] == '.') && isDigit(text[1]):
		return parseISO(text)
	case isDigit(text[0]) && text[2] == ':':
		return parseClock(text)
	case isDigit(text[0]) && len(text) > 16 && text[2] == '/' && text[5] == '/':
		return parseUS(text)
	case isDigit(text[0]) && len(text) > 18 && text[2] == '.' && text[5] == '.':
		return parsePointed(text)
	case isDigit(text[0]) && len(text) > 14 && digits(text, 0, 8) > 0 && !isDigit(text[8]):
		return parseCompact(text)
	case isDigit(text[0]) && isDigit(text[2]) || text[0] == '1' && text[1] == '.':
		return parseEpoch(text)
	case isDigit(text[0]):
		return parseDayFirst(text)
	case text[0] >= 'A' && text[0] <= 'Z' && text[3] == ' ' && len(text) >= 24 && text[4] >= 'A':
		return parseWeekday(text)
	case text[0] >= 'A' && text[0] <= 'Z' && text[3] == ' ' && len(text) > 10 && text[8] == '-': // Wed 2026-11-25 09:00:02 UTC
		if s, n := ParseTime(text[4:]); n > 0 {
			return s, n + 4
		}
	case text[0] >= 'A' && text[0] <= 'Z':
		return parseMonthFirst(text)
	}
	return Stamp{Missing: NoStamp}, 0
}

// Seconds from 2015 to 2035: a number at the start of a line outside them is no time.
const earliestEpoch, latestEpoch = 1420070400, 2051222400

// parseEpoch reads 1764061201.250 and 1.764061201250e+09, in any unit, up to a blank.
func parseEpoch(text []byte) (Stamp, int) {
	n := 0
	for n < len(text) && n < 32 && (isDigit(text[n]) || bytes.IndexByte([]byte(".e+"), text[n]) >= 0) {
		n++
	}
	s := stampOfNumber(text[:n])
	if s.Missing == NoStamp || s.Nanos < earliestEpoch*second || s.Nanos > latestEpoch*second || n < len(text) && bytes.IndexByte([]byte(" \t]"), text[n]) < 0 {
		return Stamp{Missing: NoStamp}, 0
	}
	return s, n
}

// parseISO reads 2026-11-25T09:00:01.250Z and its relatives: blank, T or _, dash, slash
// or point, comma or point, Z, +01:00, +0100, " UTC" or nothing, and Go's " +0100 CET m=+0.5".
func parseISO(text []byte) (Stamp, int) {
	date, ok := midnight(digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2))
	if !ok || text[7] != text[4] {
		return Stamp{Missing: NoStamp}, 0
	}
	if len(text) < 19 || text[10] != 'T' && text[10] != ' ' && text[10] != '_' {
		return Stamp{Missing: NoStamp}, 0
	}
	nanos, n := timeOfDay(text[11:])
	if n == 0 {
		nanos, n = shortTimeOfDay(text[11:])
	}
	return withZone(date+nanos, text, 11, n)
}

// parsePointed reads 25.11.2026 09:00:02, with or without a comma: with points, the day
// stands first.
func parsePointed(text []byte) (Stamp, int) {
	date, ok := midnight(digits(text, 6, 4), digits(text, 3, 2), digits(text, 0, 2))
	at := len("25.11.2026")
	if text[at] == ',' {
		at++
	}
	if !ok || text[at] != ' ' {
		return Stamp{Missing: NoStamp}, 0
	}
	nanos, n := timeOfDay(text[at+1:])
	return withZone(date+nanos, text, at+1, n)
}

// parseCompact reads 20261125 09:00:03, 20261125-09:00:03 and 20261125T090003.
func parseCompact(text []byte) (Stamp, int) {
	date, ok := midnight(digits(text, 0, 4), digits(text, 4, 2), digits(text, 6, 2))
	if !ok || bytes.IndexByte([]byte(" -T"), text[8]) < 0 {
		return Stamp{Missing: NoStamp}, 0
	}
	nanos, n := timeOfDay(text[9:])
	if n == 0 && text[8] == 'T' && digits(text, 9, 6) >= 0 {
		nanos, n = timeOfDay([]byte{text[9], text[10], ':', text[11], text[12], ':', text[13], text[14]})
		n = min(n, len("090003"))
	}
	return withZone(date+nanos, text, 9, n)
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

// shortTimeOfDay reads a time whose hour has one digit behind a blank, as MariaDB writes
// it (" 9:00:03"), or none, and that may have a half of the day: "9:00:05 AM".
func shortTimeOfDay(text []byte) (int64, int) {
	hour := bytes.TrimPrefix(text, []byte(" "))
	blank := len(text) - len(hour)
	nanos, n := timeOfDay(hour)
	if len(hour) > 7 && hour[1] == ':' {
		var padded [32]byte
		padded[0] = '0'
		nanos, n = timeOfDay(padded[:1+copy(padded[1:], hour)])
		n--
	}
	if n <= 0 {
		return 0, 0
	}
	half := hour[n:min(len(hour), n+3)]
	switch {
	case string(half) == " AM" && nanos >= day/2:
		nanos -= day / 2
	case string(half) == " PM" && nanos < day/2:
		nanos += day / 2
	case string(half) != " AM" && string(half) != " PM":
		return nanos, blank + n
	}
	return nanos, blank + n + 3
}

// parseClock reads a time of day without a date: 09:00:28.789.
func parseClock(text []byte) (Stamp, int) {
	nanos, n := timeOfDay(text)
	if n == 0 {
		return Stamp{Missing: NoStamp}, 0
	}
	if bytes.HasPrefix(text[n:], []byte(" UTC")) {
		n += 4
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

// parseUS reads 11/25/26 09:00:18, month first, as rich writes it, and
// 11/25/2026, 9:00:30 AM, as JavaScript does.
func parseUS(text []byte) (Stamp, int) {
	month, dom, year, n := digits(text, 0, 2), digits(text, 3, 2), digits(text, 6, 2), 8
	if isDigit(text[8]) {
		year, n = digits(text, 6, 4), 10
	} else if year >= 0 {
		year += 2000
	}
	if text[n] == ',' {
		n++
	}
	date, ok := midnight(year, month, dom)
	if !ok || text[n] != ' ' {
		return Stamp{Missing: NoStamp}, 0
	}
	nanos, length := shortTimeOfDay(text[n+1:])
	if length == 0 {
		return Stamp{Missing: NoStamp}, 0
	}
	return Stamp{Nanos: date + nanos, Missing: NoZone}, n + 1 + length
}

// parseDayFirst reads 25/Nov/2026:09:00:30 +0000 (access logs), 25 Nov 2026 09:00:56.789 (Redis)
// and 25-Nov-2026 09:00:04.123 (Tomcat).
func parseDayFirst(text []byte) (Stamp, int) {
	if len(text) < 20 || text[2] != text[6] || text[2] != '/' && text[2] != ' ' && text[2] != '-' {
		return Stamp{Missing: NoStamp}, 0
	}
	date, ok := midnight(digits(text, 7, 4), monthOf(text[3:6]), digits(text, 0, 2))
	if !ok {
		return Stamp{Missing: NoStamp}, 0
	}
	nanos, n := timeOfDay(text[12:])
	return withZone(date+nanos, text, 12, n)
}

// parseMonthFirst reads Nov 25 09:00:53, as syslog writes it: no year, no zone.
func parseMonthFirst(text []byte) (Stamp, int) {
	month := monthOf(text[:3])
	if month == 0 || len(text) < 15 || text[3] != ' ' || text[6] != ' ' && text[6] != ',' {
		return Stamp{Missing: NoStamp}, 0
	}
	dom := digits(text, 4, 2)
	if text[4] == ' ' {
		dom = digits(text, 5, 1)
	}
	if date, ok := midnight(digits(text, 8, 4), month, dom); text[6] == ',' && ok && len(text) > 13 { // Java: Nov 25, 2026 9:00:05 AM
		nanos, n := shortTimeOfDay(text[13:])
		if n == 0 {
			return Stamp{Missing: NoStamp}, 0
		}
		return Stamp{Nanos: date + nanos, Missing: NoZone}, 13 + n
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
	if i := bytes.IndexAny(number, "eE"); len(whole) == 1 && i > 0 { // zap's encoder: 1.764061210451234e+09
		exponent := digits(number, i+2, 2)
		if i+4 != len(number) || number[i+1] != '+' || exponent < 9 || exponent > 18 {
			return Stamp{Missing: NoStamp}
		}
		frac = append(bytes.Clone(number[2:max(2, i)]), "000000000000000000"...)
		whole, frac = append(bytes.Clone(whole), frac[:exponent]...), frac[exponent:]
	}
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
	if n > math.MaxInt64/unit {
		return Stamp{Missing: NoStamp}
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

// midnight returns the nanoseconds of the beginning of a day since 1970, and whether an
// int64 holds them.
func midnight(year, month, dom int) (int64, bool) {
	if year < 1970 || year > 2260 || month < 1 || month > 12 || dom < 1 || dom > 31 {
		return 0, false
	}
	return daysSince1970(year, month, dom) * day, true
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
