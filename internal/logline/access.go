package logline

import (
	"bytes"
	"time"
)

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

// readEnvoy reads `"POST /mcp HTTP/1.1" 503 …` behind a time in brackets.
func readEnvoy(rest []byte, r *Record) {
	parts := bytes.SplitN(rest, []byte(`"`), 3)
	r.Format, r.Message = Access, rest
	if len(parts) == 3 {
		r.Message = parts[1]
		readRequestLine(parts[1], r)
		status, _, _ := bytes.Cut(bytes.TrimLeft(parts[2], " "), []byte(" "))
		r.Status = int(integer(status))
	}
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
	who := bytes.Fields(rest[:open])
	if len(who) == 3 { // behind the name of a virtual host
		r.Address, who = who[0], who[1:]
	}
	if len(who) == 2 && string(who[1]) != "-" {
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
	if n := len(fields); n > 2 && string(last) == "ms" { // morgan
		if d, ok := ParseDuration(append(bytes.Clone(fields[n-2]), "ms"...)); ok {
			r.Duration, r.HasDuration, r.DurationUnit = d, true, UnitInValue
		}
		return
	}
	whole, frac, ok := bytes.Cut(last, []byte("."))
	if len(fields) > 2 && ok && isDigits(whole) && len(frac) == 3 && isDigits(frac) {
		r.Duration = time.Duration(integer(whole))*time.Second + time.Duration(integer(frac))*time.Millisecond
		r.HasDuration, r.DurationUnit = true, UnitGuessed
	}
}
