package logline

import "bytes"

// readBracketed reads "[11/25/26 09:00:18] INFO  text" (rich), "[09:00:28.789] POST /mcp …"
// (mcp-use) and "[2026-11-25 09:00:00] text".
func readBracketed(p *Parser, line []byte, r *Record) bool {
	inside, rest, ok := cutBracket(line)
	if ok && isLevelWord(inside) {
		return readLevelInBracket(inside, rest, r)
	}
	if !ok || len(inside) < 8 {
		return false
	}
	if inside[1] == ' ' && readTornado(inside, rest, r) {
		return true
	}
	s, n := ParseTime(inside)
	if n != len(inside) {
		return n > 0 && readLevelBehindTime(inside[n:], rest, s, r)
	}
	r.stamp(s)
	rest = bytes.TrimLeft(rest, " ")
	word, after, _ := bytes.Cut(rest, []byte(" "))
	switch {
	case s.Missing == NoDate && isHTTPMethod(word):
		readMCPUse(word, after, r)
	case len(rest) > 0 && rest[0] == '"':
		readEnvoy(rest, r)
	case len(rest) > 0 && rest[0] == '[':
		readGroups(rest, r)
		if address, access, ok := bytes.Cut(r.Message, []byte(" ")); ok && p.readAccess(address, access, r) { // Hypercorn
			break
		}
	case len(rest) > 0 && rest[0] == '{' && readAirflow(rest, r):
	case string(word) == "PHP" && phpLevel(after) != NoLevel:
		r.Format, r.Level, r.Message = Stamped, phpLevel(after), after
	case monologLevel(word) != NoLevel:
		r.Format, r.Level, r.Message = Stamped, monologLevel(word), after
	case isLevel(word) && len(inside) == 17:
		r.Format, r.Level, r.Message = Rich, ParseLevel(word), richMessage(after)
	case isLevelWord(word) || isLevelWord(bytes.TrimRight(word, ":")):
		r.Format, r.Level, r.Message = Stamped, ParseLevel(bytes.TrimRight(word, ":")), after
		readPretty(r)
	default:
		r.Format, r.Message = Stamped, rest
	}
	return true
}

// readPretty reads "(logger): text" (pino-pretty), "logger/12 on host: text" (bunyan),
// "text (logger)" (Kafka) and a padded text with a place (rich).
func readPretty(r *Record) {
	text := r.Message
	name, message, ok := bytes.Cut(text, []byte(": "))
	switch {
	case ok && bytes.HasPrefix(name, []byte("(")) && name[len(name)-1] == ')':
		r.Logger, r.Message = name[1:len(name)-1], message
		return
	case ok && len(name) < 100 && bytes.Contains(name, []byte(" on ")) && bytes.IndexByte(name, '/') > 0 && bytes.Count(name, []byte(" ")) == 2:
		r.Logger, r.Message = name, message
		return
	case bytes.HasPrefix(text, []byte("   ")) || len(richMessage(text)) < len(bytes.TrimSpace(text)):
		r.Format, r.Message = Rich, richMessage(text)
		return
	}
	if open := bytes.LastIndexByte(text, '('); open > 0 && text[len(text)-1] == ')' {
		if name := text[open+1 : len(text)-1]; isName(name) && bytes.IndexByte(name, '.') > 0 {
			r.Logger, r.Message = name, bytes.TrimRight(text[:open], " ")
		}
	}
}

// readGroups reads "[41] [INFO] message" (gunicorn).
func readGroups(rest []byte, r *Record) {
	r.Format = Stamped
	for {
		word, after, ok := cutBracket(rest)
		module, level, pair := bytes.Cut(word, []byte(":")) // Apache
		name, value, two := bytes.Cut(word, []byte(" "))
		switch {
		case !ok:
		case isLevelWord(word):
			r.Level = ParseLevel(word)
		case pair && isLevelWord(level):
			r.Level, r.Logger = ParseLevel(level), module
		case two && string(name) == "client":
			r.Address = withoutPort(value)
		case isDigits(word), two && string(name) == "pid":
		case len(r.Logger) == 0 && isName(word) && (r.Level != NoLevel || bytes.HasPrefix(after, []byte("["))): // log4js, Hydra
			r.Logger = word
		default:
			ok = false
		}
		if !ok {
			break
		}
		rest = after
	}
	r.Message = bytes.TrimPrefix(rest, []byte("- "))
	if name, text, ok := bytes.Cut(rest, []byte(" - ")); ok && r.Level != NoLevel && len(r.Logger) == 0 && isName(name) {
		r.Logger, r.Message = name, text
	}
}

// phpLevel reads "Fatal error:  text" and its like.
func phpLevel(text []byte) Level {
	word, _, _ := bytes.Cut(text, []byte(":"))
	switch string(word) {
	case "Fatal error", "Parse error":
		return Fatal
	case "Deprecated":
		return Notice
	}
	return ParseLevel(word)
}

// monologLevel reads "app.ERROR:".
func monologLevel(word []byte) Level {
	_, level, ok := bytes.Cut(bytes.TrimSuffix(word, []byte(":")), []byte("."))
	if !ok || !isLevel(level) {
		return NoLevel
	}
	return ParseLevel(level)
}

// richMessage removes the padding and the "file.py:12" column at the right.
func richMessage(text []byte) []byte {
	text = bytes.TrimSpace(text)
	i := bytes.LastIndex(text, []byte("  "))
	if i < 0 {
		return text
	}
	file, line, ok := bytes.Cut(text[i+2:], []byte(":"))
	if ok && isDigits(line) && bytes.IndexByte(file, '.') > 0 {
		return bytes.TrimSpace(text[:i])
	}
	return text
}

// readMCPUse reads "POST /mcp [tools/call: create_invoice] sess=5f0c ERROR -32602 Invalid params 31ms".
func readMCPUse(method, rest []byte, r *Record) {
	r.Format, r.Message, r.Method = MCPUse, rest, method
	r.Endpoint, rest, _ = bytes.Cut(rest, []byte(" "))
	call, after, ok := cutBracket(rest)
	if !ok {
		return
	}
	name, argument, _ := bytes.Cut(call, []byte(": "))
	r.Method = name
	if string(name) == "tools/call" {
		r.Tool = argument
	}
	fields := bytes.Fields(after)
	if len(fields) == 0 {
		return
	}
	if d, ok := ParseDuration(fields[len(fields)-1]); ok {
		r.Duration, r.HasDuration, r.DurationUnit = d, true, UnitInValue
	}
	r.Level = Info
	for i, word := range fields {
		if id, ok := bytes.CutPrefix(word, []byte("sess=")); ok {
			r.Session = id
		}
		if id, ok := bytes.CutPrefix(word, []byte("session=")); ok {
			r.Session = id
		}
		if string(word) == "ERROR" && i+1 < len(fields) {
			r.Level, r.ErrorType = Error, fields[i+1]
			r.ErrorText = bytes.Join(fields[min(i+2, len(fields)-1):len(fields)-1], []byte(" ")) // up to the duration
		}
	}
}

// readLevelFirst reads "ERROR 2026-11-25 09:00:00,123 text" (Django), the same with tabs,
// "WARN  [TIME] logger: text" (Dropwizard), "WARN[0012] text key=value" (logrus) and
// "E, [TIME #41] ERROR -- : text" (Ruby).
func readLevelFirst(p *Parser, line []byte, r *Record) bool {
	if len(line) > 30 && line[1] == ',' && line[3] == '[' {
		return readRuby(line, r)
	}
	if word, rest, ok := bytes.Cut(line, []byte("\t")); ok && isLevel(word) {
		if s, n := ParseTime(rest); n > 0 && n < len(rest) && rest[n] == '\t' {
			r.stamp(s)
			r.Level = ParseLevel(word)
			p.readTabbed(bytes.Split(rest[n+1:], []byte("\t")), r)
			return true
		}
	}
	word, rest, ok := bytes.Cut(line, []byte(" "))
	if seconds := bytes.IndexByte(word, '['); ok && seconds > 2 && word[len(word)-1] == ']' && isLevel(word[:seconds]) && isDigits(word[seconds+1:len(word)-1]) {
		r.Format, r.Level = Logrus, ParseLevel(word[:seconds])
		p.splitPairs(bytes.TrimSpace(rest), r)
		return true
	}
	if !ok || !isLevel(word) {
		return false
	}
	r.Level = ParseLevel(word)
	if inside, text, ok := cutBracket(bytes.TrimLeft(rest, " ")); ok {
		if s, n := ParseTime(inside); n > 0 && n == len(inside) {
			r.stamp(s)
			r.Format, r.Message = Stamped, text
			readName(r)
			return true
		}
	}
	s, n := ParseTime(rest)
	if n == 0 {
		r.Level = NoLevel
		return false
	}
	r.stamp(s)
	r.Format, r.Message = Stamped, bytes.TrimLeft(rest[n:], " ")
	return true
}

func readRuby(line []byte, r *Record) bool {
	s, n := ParseTime(line[4:])
	head, message, ok := bytes.Cut(line, []byte(": "))
	if !ok || n == 0 {
		return false
	}
	r.stamp(s)
	r.Format, r.Message = Stamped, message
	if _, level, ok := bytes.Cut(head, []byte("] ")); ok {
		level, _, _ = bytes.Cut(bytes.TrimLeft(level, " "), []byte(" "))
		r.Level = ParseLevel(level)
	}
	if id, text, ok := cutBracket(message); ok && isUUID(id) { // Rails
		r.Request, r.Message = id, text
	}
	readCompleted(r)
	return true
}

// readCompleted reads "Completed 500 Internal Server Error in 1532ms (…)" of Rails.
func readCompleted(r *Record) {
	rest, ok := bytes.CutPrefix(r.Message, []byte("Completed "))
	status, rest, _ := bytes.Cut(rest, []byte(" "))
	_, took, found := bytes.Cut(rest, []byte(" in "))
	if !ok || len(status) != 3 || !isDigits(status) || !found {
		return
	}
	r.Status = statusOf(status)
	took, _, _ = bytes.Cut(took, []byte(" "))
	if d, ok := ParseDuration(took); ok {
		r.Duration, r.HasDuration, r.DurationUnit = d, true, UnitInValue
	}
}

// readDotNet reads "info: Category[id]"; the text follows, or is in the next line.
func readDotNet(_ *Parser, line []byte, r *Record) bool {
	if len(line) < 8 || line[4] != ':' || line[5] != ' ' || !isLower(line[0]) {
		return false
	}
	level := ParseLevel(line[:4])
	logger, rest, ok := bytes.Cut(line[6:], []byte("["))
	id, text, closed := bytes.Cut(rest, []byte("]"))
	if level == NoLevel || !ok || !closed || !isName(logger) || !isDigits(id) {
		return false
	}
	r.Format, r.Level, r.Logger, r.Message = DotNet, level, logger, bytes.TrimLeft(text, " ")
	return true
}

// readPython reads "LEVEL:logger:message" and uvicorn's "INFO:     …".
func readPython(_ *Parser, line []byte, r *Record) bool {
	colon := bytes.IndexByte(line[:min(len(line), 12)], ':')
	if colon < 3 || !isLevel(line[:colon]) {
		return false
	}
	r.Level = ParseLevel(line[:colon])
	rest := line[colon+1:]
	if len(rest) > 0 && rest[0] == ' ' {
		r.Format, r.Message = Uvicorn, bytes.TrimLeft(rest, " ")
		if s, n := ParseTime(r.Message); n > 0 { // of a format of the user's own
			r.stamp(s)
			r.Message = bytes.TrimLeft(r.Message[n:], " -")
		}
		readUvicornAccess(r.Message, r)
		return true
	}
	r.Format, r.Message = PythonBasic, rest
	if logger, message, ok := bytes.Cut(rest, []byte(":")); ok && bytes.IndexByte(logger, ' ') < 0 {
		r.Logger, r.Message = logger, message
	}
	return true
}

// readKlog reads `E1125 09:00:23.104512       1 server.go:142] "Tool call failed" err="…"`,
// and glog's lines, which may have a year.
func readKlog(p *Parser, line []byte, r *Record) bool {
	at := 1 // of the month
	if len(line) > 26 && line[9] == ' ' {
		at = 5
	}
	if len(line) < 22 || line[at+4] != ' ' || !isDigits(line[1:at+4]) {
		return false
	}
	level := levelOfLetter(line[0])
	month, dom := digits(line, at, 2), digits(line, at+2, 2)
	nanos, n := timeOfDay(line[at+5:])
	head, rest, ok := bytes.Cut(line, []byte("] "))
	if level == NoLevel || month < 1 || month > 12 || dom < 1 || dom > 31 || n == 0 || !ok {
		return false
	}
	stamp := Stamp{Nanos: yearZero(month, dom) + nanos, Missing: NoYear}
	if at == 5 {
		stamp = Stamp{Nanos: daysSince1970(digits(line, 1, 4), month, dom)*day + nanos, Missing: NoZone}
	}
	r.stamp(stamp)
	r.Format, r.Level = Klog, level
	r.Logger = head[bytes.LastIndexByte(head, ' ')+1:]
	p.splitPairs(rest, r)
	return true
}

// readRedis reads "1:M 25 Nov 2026 09:00:56.789 # text".
func readRedis(_ *Parser, line []byte, r *Record) bool {
	role, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(role) < 3 || role[len(role)-2] != ':' || !isDigits(role[:len(role)-2]) {
		return false
	}
	s, n := ParseTime(rest)
	if n == 0 || len(rest) < n+4 {
		return false
	}
	level, known := map[byte]Level{'.': Debug, '-': Info, '*': Notice, '#': Warn}[rest[n+1]]
	if !known {
		return false
	}
	r.stamp(s)
	r.Format, r.Level, r.Message = Redis, level, rest[n+3:]
	return true
}

// readCrash reads the last words of a Node process and the first of a Go panic.
func readCrash(_ *Parser, line []byte, r *Record) bool {
	switch {
	case bytes.HasPrefix(line, []byte("FATAL ERROR: ")):
		r.Format, r.Level = NodeDeath, Fatal
	case bytes.HasPrefix(line, []byte("<--- ")):
		r.Format, r.Level = NodeDeath, Fatal
	case bytes.HasPrefix(line, []byte("panic: ")), bytes.HasPrefix(line, []byte("fatal error: ")):
		r.Format, r.Level = GoPanic, Fatal
	case bytes.HasPrefix(line, []byte("thread '")) && bytes.Contains(line, []byte(" panicked at ")):
		r.Format, r.Level = RustPanic, Fatal
	case bytes.HasPrefix(line, []byte("NAME ")), bytes.HasPrefix(line, []byte("POD ")):
		r.Format = KubectlTop
	default:
		return readErrorLine(line, r) || readKubectlTop(line, r)
	}
	r.Message = line
	return true
}

// readErrorLine reads "TypeError: text" and "error: text".
func readErrorLine(line []byte, r *Record) bool {
	name, text, ok := bytes.Cut(line, []byte(": "))
	if !ok || len(name) > 60 || !isKey(name) {
		return false
	}
	lower := bytes.ToLower(name)
	if !bytes.HasSuffix(lower, []byte("error")) && !bytes.HasSuffix(lower, []byte("exception")) && string(lower) != "fatal" {
		return false
	}
	r.Format, r.Level, r.Message, r.ErrorText = ErrorLine, Error, line, text
	if len(name) > len("exception") || name[0] >= 'A' && name[0] <= 'Z' && len(name) > len("Error") {
		r.ErrorType = name
	}
	return true
}

// readKubectlTop reads "pod [container] 985m 2048Mi".
func readKubectlTop(line []byte, r *Record) bool {
	fields := bytes.Fields(line)
	if len(fields) != 3 && len(fields) != 4 {
		return false
	}
	memory := fields[len(fields)-1]
	if !bytes.HasSuffix(memory, []byte("i")) || len(memory) < 3 || !isDigits(memory[:len(memory)-2]) {
		return false
	}
	r.Format, r.Stream, r.Message = KubectlTop, fields[0], line
	return true
}
