package logline

import (
	"bytes"
	"time"
)

// readBracketed reads "[11/25/26 09:00:18] INFO  text" (rich), "[09:00:28.789] POST /mcp …"
// (mcp-use) and "[2026-11-25 09:00:00] text".
func readBracketed(_ *Parser, line []byte, r *Record) bool {
	inside, rest, ok := cutBracket(line)
	if !ok || len(inside) < 8 {
		return false
	}
	s, n := ParseTime(inside)
	if n != len(inside) {
		return false
	}
	r.stamp(s)
	rest = bytes.TrimLeft(rest, " ")
	word, after, _ := bytes.Cut(rest, []byte(" "))
	switch {
	case s.Missing == NoDate && isHTTPMethod(word):
		readMCPUse(word, after, r)
	case isLevel(word) && len(inside) == 17:
		r.Format, r.Level, r.Message = Rich, ParseLevel(word), richMessage(after)
	case isLevelWord(word) || isLevelWord(bytes.TrimRight(word, ":")):
		r.Format, r.Level, r.Message = Stamped, ParseLevel(bytes.TrimRight(word, ":")), after
	default:
		r.Format, r.Message = Stamped, rest
	}
	return true
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
			r.ErrorText = bytes.Join(fields[i+2:len(fields)-1], []byte(" "))
		}
	}
}

// readDotNet reads "info: Category[id]"; the text is in the next line.
func readDotNet(_ *Parser, line []byte, r *Record) bool {
	if len(line) < 8 || line[4] != ':' || line[5] != ' ' || line[len(line)-1] != ']' || !isLower(line[0]) {
		return false
	}
	level := ParseLevel(line[:4])
	end := bytes.LastIndexByte(line, '[')
	if level == NoLevel || end < 6 || !isDigits(line[end+1:len(line)-1]) {
		return false
	}
	r.Format, r.Level, r.Logger = DotNet, level, line[6:end]
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
		readUvicornAccess(r.Message, r)
		return true
	}
	r.Format, r.Message = PythonBasic, rest
	if logger, message, ok := bytes.Cut(rest, []byte(":")); ok && bytes.IndexByte(logger, ' ') < 0 {
		r.Logger, r.Message = logger, message
	}
	return true
}

// readUvicornAccess reads `10.0.0.7:51409 - "POST /mcp HTTP/1.1" 200 OK`.
func readUvicornAccess(text []byte, r *Record) {
	address, rest, ok := bytes.Cut(text, []byte(` - "`))
	if !ok || bytes.IndexByte(address, ' ') >= 0 {
		return
	}
	request, after, ok := bytes.Cut(rest, []byte(`" `))
	if !ok || len(after) < 3 {
		return
	}
	r.Address = withoutPort(address)
	readRequestLine(request, r)
	r.Status = int(integer(after[:3]))
}

func withoutPort(address []byte) []byte {
	if i := bytes.LastIndexByte(address, ':'); i > 0 && isDigits(address[i+1:]) {
		return address[:i]
	}
	return address
}

// readRequestLine reads "POST /mcp HTTP/1.1".
func readRequestLine(request []byte, r *Record) {
	method, rest, _ := bytes.Cut(request, []byte(" "))
	if !isHTTPMethod(method) {
		return
	}
	path, _, _ := bytes.Cut(rest, []byte(" "))
	path, _, _ = bytes.Cut(path, []byte("?"))
	r.Method, r.Endpoint = method, path
}

func isHTTPMethod(word []byte) bool {
	switch string(word) {
	case "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH":
		return true
	}
	return false
}

// readKlog reads `E1125 09:00:23.104512       1 server.go:142] "Tool call failed" err="…"`.
func readKlog(p *Parser, line []byte, r *Record) bool {
	if len(line) < 22 || line[5] != ' ' || !isDigits(line[1:5]) {
		return false
	}
	level := map[byte]Level{'I': Info, 'W': Warn, 'E': Error, 'F': Fatal}[line[0]]
	month, dom := digits(line, 1, 2), digits(line, 3, 2)
	nanos, n := timeOfDay(line[6:])
	head, rest, ok := bytes.Cut(line, []byte("] "))
	if level == NoLevel || month < 1 || month > 12 || dom < 1 || dom > 31 || n == 0 || !ok {
		return false
	}
	r.stamp(Stamp{Nanos: yearZero(month, dom) + nanos, Missing: NoYear})
	r.Format, r.Level = Klog, level
	r.Logger = head[bytes.LastIndexByte(head, ' ')+1:]
	p.splitPairs(rest, r)
	return true
}

// readMorgan reads "POST /mcp 200 12.345 ms - 532" and access logs in the common and combined formats.
func readMorgan(_ *Parser, line []byte, r *Record) bool {
	word, rest, _ := bytes.Cut(line, []byte(" "))
	if !isHTTPMethod(word) {
		return readAccess(word, rest, r)
	}
	fields := bytes.Fields(rest)
	if len(fields) < 2 || len(fields[1]) != 3 || !isDigits(fields[1]) {
		return false
	}
	r.Format, r.Message, r.Method, r.Endpoint, r.Status = MorganDev, line, word, fields[0], int(integer(fields[1]))
	if len(fields) > 3 && string(fields[3]) == "ms" {
		if d, ok := ParseDuration(append(bytes.Clone(fields[2]), "ms"...)); ok {
			r.Duration, r.HasDuration, r.DurationUnit = d, true, UnitInValue
		}
	}
	return true
}

// readAccess reads `ADDRESS - user [25/Nov/2026:09:00:30 +0000] "POST /mcp HTTP/1.1" 401 64 "-" "node"`.
func readAccess(address, rest []byte, r *Record) bool {
	if bytes.IndexByte(address, '.') < 0 && bytes.IndexByte(address, ':') < 0 {
		return false
	}
	open := bytes.IndexByte(rest[:min(len(rest), 100)], '[')
	if open < 0 {
		return false
	}
	s, n := ParseTime(rest[open+1:])
	if n == 0 || open+1+n >= len(rest) || rest[open+1+n] != ']' {
		return false
	}
	r.stamp(s)
	r.Format, r.Address, r.Message = Access, address, rest[open:]
	if who := bytes.Fields(rest[:open]); len(who) == 2 && string(who[1]) != "-" {
		r.User = who[1]
	}
	parts := bytes.SplitN(rest[open+1+n:], []byte(`"`), 3)
	if len(parts) == 3 {
		r.Message = parts[1]
		readRequestLine(parts[1], r)
		readAccessTail(bytes.Fields(parts[2]), r)
	}
	return true
}

// readAccessTail reads status and, in nginx's extended formats, request_time in seconds at the end.
func readAccessTail(fields [][]byte, r *Record) {
	if len(fields) == 0 {
		return
	}
	r.Status = int(integer(fields[0]))
	last := fields[len(fields)-1]
	whole, frac, ok := bytes.Cut(last, []byte("."))
	if len(fields) > 2 && ok && isDigits(whole) && len(frac) == 3 && isDigits(frac) {
		r.Duration = time.Duration(integer(whole))*time.Second + time.Duration(integer(frac))*time.Millisecond
		r.HasDuration, r.DurationUnit = true, UnitGuessed
	}
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
