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

// levelWords maps the words that loggers use, in lower case.
var levelWords = map[string]Level{
	"trace": Trace, "trc": Trace, "trce": Trace, "verbose": Trace, "finest": Trace, "finer": Trace, "silly": Trace,
	"debug": Debug, "dbg": Debug, "dbug": Debug, "fine": Debug, "debug1": Debug, "debug2": Debug, "debug3": Debug, "debug4": Debug, "debug5": Debug,
	"info": Info, "inf": Info, "information": Info, "informational": Info, "log": Info, "statement": Info, "detail": Info, "hint": Info,
	"context": Info, "http": Info, "success": Info, "default": Info, "config": Info,
	"notice": Notice,
	"warn":   Warn, "wrn": Warn, "warning": Warn,
	"error": Error, "err": Error, "eror": Error, "fail": Error, "severe": Error, "exception": Error,
	"fatal": Fatal, "ftl": Fatal, "critical": Fatal, "crit": Fatal, "crt": Fatal, "alert": Fatal, "emergency": Fatal, "emerg": Fatal,
	"panic": Fatal, "dpanic": Fatal, "pnc": Fatal,
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
	return levelWords[string(lower[:len(word)])]
}

// levelOfNumber reads the numbers of pino and bunyan (10 to 60) and logback (10000 to 40000).
func levelOfNumber(n int64) Level {
	if n >= 1000 {
		n /= 1000
	}
	switch {
	case n < 10:
		return NoLevel
	case n < 20:
		return Trace
	case n < 30:
		return Debug
	case n < 40:
		return Info
	case n < 50:
		return Warn
	case n < 60:
		return Error
	}
	return Fatal
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
