package logline

import (
	"bytes"
	"time"
)

// readGin reads "[GIN] 2026/11/25 - 09:00:31 | 500 | 1.532s | 10.0.0.7 | POST "/mcp"",
// whose name in brackets is a wrapper.
func readGin(_ *Parser, line []byte, r *Record) bool {
	if r.Wrappers&Supervisor == 0 || len(line) < 24 || line[4] != '/' || !bytes.HasPrefix(line[10:], []byte(" - ")) {
		return false
	}
	s, n := ParseTime(append(append(bytes.Clone(line[:10]), ' '), line[13:]...))
	_, rest, ok := bytes.Cut(line, []byte("| "))
	if n == 0 || !ok || !readBars(rest, r) {
		return false
	}
	r.stamp(s)
	return true
}

// readBars reads "500 | 1.532s | 10.0.0.7 | POST "/mcp"" of Gin and, with a bar between the
// method and the path, of Fiber.
func readBars(rest []byte, r *Record) bool {
	parts := bytes.SplitN(rest, []byte("|"), 4)
	if len(parts) < 4 {
		return false
	}
	d, ok := ParseDuration(parts[1])
	request := bytes.Fields(bytes.ReplaceAll(parts[3], []byte("|"), []byte(" ")))
	if !ok || len(request) < 2 || !isHTTPMethod(request[0]) {
		return false
	}
	r.Format, r.Message, r.Status, r.Address = Gin, bytes.TrimSpace(parts[3]), statusOf(bytes.TrimSpace(parts[0])), bytes.TrimSpace(parts[2])
	r.Duration, r.HasDuration, r.DurationUnit = d, true, UnitInValue
	r.Method = request[0]
	r.Endpoint, _, _ = bytes.Cut(bytes.Trim(request[1], `"`), []byte("?"))
	return true
}

// readChi reads `"POST http://host/mcp HTTP/1.1" from 10.0.0.7:5123 - 200 64B in 1.532s`.
func readChi(text []byte, r *Record) bool {
	request, rest, ok := bytes.Cut(bytes.TrimPrefix(text, []byte(`"`)), []byte(`" from `))
	fields := bytes.Fields(rest)
	if !ok || len(fields) != 6 || string(fields[4]) != "in" {
		return false
	}
	d, ok := ParseDuration(fields[5])
	if !ok {
		return false
	}
	r.Format, r.Message, r.Address, r.Status = Access, request, withoutPort(fields[0]), statusOf(fields[2])
	r.Duration, r.HasDuration, r.DurationUnit = d, true, UnitInValue
	readRequestLine(request, r)
	return true
}

// readNest reads "[Nest] 41  - 11/25/2026, 9:00:30 AM   ERROR [Handler] text", whose name
// in brackets is a wrapper.
func readNest(_ *Parser, line []byte, r *Record) bool {
	pid, rest, ok := bytes.Cut(line, []byte(" - "))
	if r.Wrappers&Supervisor == 0 || !ok || !isDigits(bytes.TrimSpace(pid)) {
		return false
	}
	s, n := ParseTime(rest)
	if n == 0 {
		return false
	}
	r.stamp(s)
	word, text, _ := bytes.Cut(bytes.TrimLeft(rest[n:], " "), []byte(" "))
	r.Format, r.Level, r.Message = Nest, ParseLevel(word), text
	if name, message, ok := cutBracket(text); ok {
		r.Logger, r.Message = name, message
	}
	return true
}

// readNLog reads "LEVEL|logger|message" behind a time.
func readNLog(rest []byte, r *Record) {
	r.Format, r.Message = NLog, rest
	if id, after, ok := bytes.Cut(rest, []byte("|")); ok && isDigits(id) {
		rest = after
	}
	parts := bytes.SplitN(rest, []byte("|"), 3)
	if len(parts) == 3 && isLevelWord(parts[0]) {
		r.Level, r.Logger, r.Message = ParseLevel(parts[0]), parts[1], parts[2]
	}
}

// readTornado reads "[E 261125 09:00:02 web:2239] text" and Jupyter's
// "[I 2026-11-25 09:00:01.123 ServerApp] text".
func readTornado(inside, text []byte, r *Record) bool {
	level, clock := levelOfLetter(inside[0]), inside[2:]
	if digits(clock, 0, 6) > 0 && len(clock) > 6 && clock[6] == ' ' { // without the century
		clock = append([]byte("20"), clock...)
	}
	s, n := ParseTime(clock)
	if level == NoLevel || n == 0 || n == len(clock) || clock[n] != ' ' {
		return false
	}
	r.stamp(s)
	r.Format, r.Level, r.Logger, r.Message = Tornado, level, clock[n+1:], bytes.TrimLeft(text, " ")
	readTornadoAccess(r)
	return true
}

// readTornadoAccess reads "500 POST /mcp (10.0.0.7) 1532.12ms".
func readTornadoAccess(r *Record) {
	fields := bytes.Fields(r.Message)
	if len(fields) < 5 || len(fields[0]) != 3 || !isDigits(fields[0]) || !isHTTPMethod(fields[1]) || fields[3][0] != '(' {
		return
	}
	d, ok := ParseDuration(fields[4])
	if !ok {
		return
	}
	r.Status, r.Method, r.Address = statusOf(fields[0]), fields[1], bytes.Trim(fields[3], "()")
	r.Endpoint, _, _ = bytes.Cut(fields[2], []byte("?"))
	if _, address, found := bytes.Cut(r.Address, []byte("@")); found { // Jupyter's user stands in front
		r.Address = address
	}
	r.Duration, r.HasDuration, r.DurationUnit = d, true, UnitInValue
}

// programLevels are the beginnings of lines with which Node and npm mark a level.
var programLevels = []struct {
	prefix string
	level  Level
}{
	{"npm ERR! ", Error}, {"npm error ", Error}, {"npm WARN ", Warn}, {"npm warn ", Warn}, {"npm notice ", Notice},
}

// readProgram reads "npm ERR! text" and "(node:41) Warning: text".
func readProgram(_ *Parser, line []byte, r *Record) bool {
	for _, p := range programLevels {
		if text, ok := bytes.CutPrefix(line, []byte(p.prefix)); ok {
			r.Format, r.Level, r.Message = Labelled, p.level, text
			return true
		}
	}
	head, text, ok := bytes.Cut(line, []byte(") "))
	pid, node := bytes.CutPrefix(head, []byte("(node:"))
	if !ok || !node || !isDigits(pid) {
		return false
	}
	r.Format, r.Level, r.Message = Labelled, Warn, text
	return true
}

// readLabelled reads "level: text" as winston writes it, and "LEVEL text".
func readLabelled(_ *Parser, line []byte, r *Record) bool {
	word, text, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(word) < 4 || len(text) == 0 {
		return false
	}
	level, label := ParseLevel(bytes.TrimSuffix(word, []byte(":"))), word[len(word)-1] == ':'
	switch {
	case level == NoLevel, label != isLower(word[0]), !label && !isLevel(word):
		return false
	case !label && level < Warn && string(word) != "INFO" && string(word) != "DEBUG" && string(word) != "TRACE":
		return false // a word of a sentence: LOG, DETAIL
	}
	r.Format, r.Level, r.Message = Labelled, level, bytes.TrimLeft(text, " ")
	return true
}

// readNamedLevel reads "logger LEVEL text" and "level [logger] text" behind a time.
func readNamedLevel(word, after []byte, r *Record) bool {
	level, text, ok := bytes.Cut(bytes.TrimLeft(after, " "), []byte(" "))
	if name, pid, bracket := bytes.Cut(word, []byte("[")); bracket && isDigits(bytes.TrimSuffix(pid, []byte("]"))) {
		word = name
	}
	if ok && isName(word) && len(level) > 3 && isLevel(level) {
		r.Format, r.Logger, r.Level, r.Message = Stamped, word, ParseLevel(level), bytes.TrimLeft(text, " ")
		return true
	}
	logger, text, ok := cutBracket(after)
	if ok && isLevelWord(word) && isName(logger) {
		r.Format, r.Logger, r.Level, r.Message = Stamped, logger, ParseLevel(word), text
		return true
	}
	return false
}

// readAirflow reads "{file.py:1} LEVEL - text" behind a time in brackets.
func readAirflow(rest []byte, r *Record) bool {
	place, after, ok := bytes.Cut(rest[1:], []byte("} "))
	level, text, dash := bytes.Cut(after, []byte(" - "))
	if !ok || !dash || !isLevel(level) {
		return false
	}
	r.Format, r.Logger, r.Level, r.Message = Stamped, place, ParseLevel(level), text
	return true
}

// readLevelInBracket reads "[INFO] 2026-11-25 09:00:29 - logger - text" and, with tabs,
// "[ERROR] TIME REQUEST text" of AWS Lambda.
func readLevelInBracket(level, rest []byte, r *Record) bool {
	rest = bytes.TrimLeft(rest, " \t")
	s, n := ParseTime(rest)
	r.stamp(s)
	r.Format, r.Level, r.Message = Stamped, ParseLevel(level), bytes.TrimLeft(rest[n:], " \t")
	if id, text, ok := bytes.Cut(r.Message, []byte("\t")); ok && isUUID(id) {
		r.Request, r.Message = id, text
	}
	if text, ok := bytes.CutPrefix(r.Message, []byte("- ")); ok {
		r.Message = text
		readLogger(r)
	}
	readUvicornAccess(r.Message, r) // Granian
	return true
}

// readLevelBehindTime reads "[09:00:01 ERR] text" (Serilog) and "[TIME ERROR target] text"
// (env_logger).
func readLevelBehindTime(words, text []byte, s Stamp, r *Record) bool {
	parts := bytes.Fields(words)
	if len(parts) == 0 || len(parts) > 2 || words[0] != ' ' || !isLevel(parts[0]) {
		return false
	}
	r.stamp(s)
	r.Format, r.Level, r.Message = Serilog, ParseLevel(parts[0]), text
	if len(parts) == 2 {
		r.Logger = parts[1]
	}
	readActix(r)
	return true
}

// readActix reads `10.0.0.7 "POST /mcp HTTP/1.1" 200 64 "-" "node" 0.532123`, the seconds at
// the end with six decimals.
func readActix(r *Record) {
	address, rest, ok := bytes.Cut(r.Message, []byte(` "`))
	request, after, closed := bytes.Cut(rest, []byte(`" `))
	fields := bytes.Fields(after)
	if !ok || !closed || bytes.IndexByte(address, ' ') >= 0 || len(fields) < 3 || statusOf(fields[0]) == 0 {
		return
	}
	r.Address, r.Status, r.Message = address, statusOf(fields[0]), request
	readRequestLine(request, r)
	if seconds, micros, ok := bytes.Cut(fields[len(fields)-1], []byte(".")); ok && isDigits(seconds) && len(micros) == 6 && isDigits(micros) {
		r.Duration, r.HasDuration, r.DurationUnit = time.Duration(integer(seconds))*time.Second+time.Duration(integer(micros))*time.Microsecond, true, UnitOfProxy
	}
}

// readLogger cuts "[thread] ", "[logger] (thread) ", "[logger] ", "logger - ", "logger -- ",
// "[thread] logger " and "logger [place] " off a message.
func readLogger(r *Record) {
	inside, rest, ok := cutBracket(r.Message)
	if !ok {
		rest = r.Message
	} else if thread, text, found := bytes.Cut(rest, []byte(") ")); found && bytes.HasPrefix(thread, []byte("(")) {
		r.Format, r.Logger, r.Message = Log4j, inside, text
		return
	}
	logger, text, found := bytes.Cut(rest, []byte(" "))
	class, _, _ := bytes.Cut(logger, []byte(":"))
	dotted := found && bytes.IndexByte(class, '.') > 0 && logger[len(logger)-1] != ':' && isName(class)
	dash := bytes.HasPrefix(text, []byte("- ")) || bytes.HasPrefix(text, []byte("-- "))
	place, message, bracket := cutBracket(text)
	switch {
	case found && dash && len(logger) > 0:
		r.Logger, r.Message = logger, bytes.TrimLeft(text, "- ")
	case dotted && bracket && isPlace(place):
		r.Logger, r.Message = logger, message
		return
	case dotted && (ok || bytes.HasPrefix(logger, []byte("sqlalchemy."))):
		r.Logger, r.Message = logger, text
	case ok && isName(inside) && !isDigits(inside):
		r.Logger, r.Message = inside, rest
		return
	}
	if dotted {
		r.Format = Log4j
	}
}

// readW3C reads the fields that IIS logs by default, behind a time: "SERVER METHOD PATH
// QUERY PORT USER CLIENT AGENT REFERER STATUS SUBSTATUS WIN32 MILLISECONDS".
func readW3C(rest []byte, r *Record) bool {
	fields := bytes.Fields(rest)
	n := len(fields)
	if n < 12 || !isHTTPMethod(fields[1]) || fields[2][0] != '/' {
		return false
	}
	for _, number := range fields[n-4:] {
		if !isDigits(number) {
			return false
		}
	}
	r.Format, r.Message, r.Method, r.Endpoint, r.Address = Access, bytes.Join(fields[1:3], []byte(" ")), fields[1], fields[2], fields[6]
	if string(fields[5]) != "-" {
		r.User = fields[5]
	}
	r.Status = statusOf(fields[n-4])
	r.Duration, r.HasDuration, r.DurationUnit = time.Duration(integer(fields[n-1]))*time.Millisecond, true, UnitInKey
	return r.Duration >= 0
}

// readComment reads the lines in front of a log of IIS, and those that journalctl adds.
func readComment(_ *Parser, line []byte, r *Record) bool {
	for _, name := range [...]string{"#Software:", "#Version:", "#Date:", "#Fields:"} {
		if bytes.HasPrefix(line, []byte(name)) {
			r.Format, r.Message = Access, line
			return true
		}
	}
	if bytes.HasPrefix(line, []byte("-- ")) && bytes.HasSuffix(line, []byte(" --")) {
		r.Format, r.Message = JournalExport, line
		return true
	}
	return false
}

// readLambda reads "START RequestId: ID", "END RequestId: ID" and "REPORT RequestId: ID
// Duration: 1532.12 ms" of AWS Lambda.
func readLambda(_ *Parser, line []byte, r *Record) bool {
	if bytes.HasPrefix(line, []byte("INIT_START ")) {
		r.Format, r.Level, r.Message = Tabbed, Info, line
		return true
	}
	word, rest, ok := bytes.Cut(line, []byte(" RequestId: "))
	if !ok || string(word) != "START" && string(word) != "END" && string(word) != "REPORT" {
		return false
	}
	id := rest[:min(len(rest), uuidLength)]
	if !isUUID(id) {
		return false
	}
	r.Format, r.Level, r.Request, r.Message = Tabbed, Info, id, line
	if _, text, ok := bytes.Cut(rest, []byte("\tDuration: ")); ok {
		text, _, _ = bytes.Cut(text, []byte("\t"))
		if d, ok := ParseDuration(text); ok {
			r.Duration, r.HasDuration, r.DurationUnit = d, true, UnitInValue
		}
	}
	return true
}

// readLambdaTimeout reads "ID Task timed out after 3.00 seconds" behind a time.
func readLambdaTimeout(rest []byte, r *Record) bool {
	id, text, ok := bytes.Cut(rest, []byte(" "))
	if !ok || !isUUID(id) {
		return false
	}
	r.Format, r.Request, r.Message = Stamped, id, text
	if bytes.HasPrefix(text, []byte("Task timed out")) {
		r.Level = Error
	}
	return true
}

const uuidLength = 36

func isUUID(id []byte) bool {
	return len(id) == uuidLength && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-'
}
