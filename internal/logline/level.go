package logline

import "bytes"

// Level is the severity of a record.
type Level uint8

// Levels, from none to fatal.
const (
	NoLevel Level = iota
	Trace
	Debug
	Info
	Notice
	Warn
	Error
	Fatal
)

var levelNames = [...]string{"", "trace", "debug", "info", "notice", "warn", "error", "fatal"}

func (l Level) String() string { return levelNames[l] }

// levelOfWord reads the words that loggers use, in lower case.
func levelOfWord(word []byte) Level {
	switch string(word) {
	case "trace", "trc", "trce", "trac", "verbose", "finest", "finer", "silly":
		return Trace
	case "debug", "dbg", "dbug", "debu", "fine", "debug1", "debug2", "debug3", "debug4", "debug5":
		return Debug
	case "info", "inf", "information", "informational", "log", "statement", "detail", "hint", "context", "http", "success", "default", "config":
		return Info
	case "notice":
		return Notice
	case "warn", "wrn", "warning":
		return Warn
	case "error", "err", "eror", "erro", "fail", "severe", "exception":
		return Error
	case "fatal", "ftl", "fata", "critical", "crit", "crt", "alert", "emergency", "emerg", "panic", "dpanic", "pnc", "pani":
		return Fatal
	}
	return NoLevel
}

// levelOfLetter reads the levels of glog, klog, MongoDB and Tornado.
func levelOfLetter(c byte) Level {
	switch c {
	case 'D':
		return Debug
	case 'I':
		return Info
	case 'W':
		return Warn
	case 'E':
		return Error
	case 'F', 'C':
		return Fatal
	}
	return NoLevel
}

const longestLevel = 16

// ParseLevel reads a level word in any case; "ERROR+2" (log/slog) is an error.
func ParseLevel(word []byte) Level {
	word = bytes.TrimSpace(word)
	if i := bytes.IndexAny(word, "+-"); i > 0 && isDigits(word[i+1:]) {
		word = word[:i]
	}
	if len(word) == 0 || len(word) > longestLevel {
		return NoLevel
	}
	var lower [longestLevel]byte
	for i, c := range word {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return levelOfWord(lower[:len(word)])
}

// numberedLevels are the levels of pino and bunyan (10 to 60), Monolog (100 to 600) and logback
// (5000 to 40000), each up to the next one.
var numberedLevels = []struct {
	from  int64
	level Level
}{
	{10, Trace}, {20, Debug}, {30, Info}, {40, Warn}, {50, Error}, {60, Fatal},
	{100, Debug}, {200, Info}, {250, Notice}, {300, Warn}, {400, Error}, {500, Fatal}, {700, NoLevel},
	{5000, Trace}, {10000, Debug}, {20000, Info}, {30000, Warn}, {40000, Error}, {50000, NoLevel},
}

// levelOfNumber returns the level that a logger writes as n.
func levelOfNumber(n int64) Level {
	level := NoLevel
	for _, l := range numberedLevels {
		if n >= l.from {
			level = l.level
		}
	}
	return level
}

// levelOfSyslog reads the severities of RFC 5424: 0 is an emergency, 7 is debug.
func levelOfSyslog(n int64) Level {
	switch {
	case n < 0 || n > 7:
		return NoLevel
	case n <= 2:
		return Fatal
	}
	return [...]Level{Error, Warn, Notice, Info, Debug}[n-3]
}

// levelOfOTel reads the severity numbers of OpenTelemetry, four for each level.
func levelOfOTel(n int64) Level {
	if n < 1 || n > 24 {
		return NoLevel
	}
	return [...]Level{Trace, Debug, Info, Warn, Error, Fatal}[(n-1)/4]
}

// isLevel reports whether word is a level in capitals, as text formats write it.
func isLevel(word []byte) bool {
	for _, c := range word {
		if c >= 'a' && c <= 'z' {
			return false
		}
	}
	return ParseLevel(word) != NoLevel
}
