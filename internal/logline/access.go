package logline

import (
	"bytes"
	"math"
	"strconv"
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
	r.Status = statusOf(after[:3])
}

// statusOf reads the status of an HTTP answer, 0 if it is none.
func statusOf(text []byte) int {
	if n := integer(text); n >= 100 && n <= 999 {
		return int(n)
	}
	return 0
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
	if _, after, ok := bytes.Cut(path, []byte("://")); ok && path[0] != '/' {
		if slash := bytes.IndexByte(after, '/'); slash >= 0 {
			path = after[slash:]
		}
	}
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
		fields := bytes.Fields(parts[2])
		if len(fields) > 0 {
			r.Status = statusOf(fields[0])
		}
		readEnvoyTail(fields, r)
	}
}

// readEnvoyTail reads the bytes received and sent and the milliseconds behind the status,
// and the address and the identifier of the request behind them.
func readEnvoyTail(fields [][]byte, r *Record) {
	for i := 3; i < len(fields); i++ {
		if isDigits(fields[i]) && isDigits(fields[i-1]) && isDigits(fields[i-2]) {
			r.Duration, r.HasDuration, r.DurationUnit = time.Duration(integer(fields[i]))*time.Millisecond, true, UnitInKey
			if i+2 < len(fields) {
				r.Address, _, _ = bytes.Cut(bytes.Trim(fields[i+2], `"-`), []byte(","))
			}
			break
		}
	}
	for _, field := range fields {
		if id := bytes.Trim(field, `"`); len(r.Request) == 0 && isUUID(id) {
			r.Request = id
		}
	}
}

// readLoadBalancer reads "https TIME balancer CLIENT:PORT TARGET:PORT S S S STATUS STATUS BYTES
// BYTES "POST URL HTTP/1.1"", as the load balancers of AWS write it.
func readLoadBalancer(rest []byte, r *Record) bool {
	s, n := ParseTime(rest)
	parts := bytes.SplitN(rest, []byte(`"`), 3)
	fields := bytes.Fields(parts[0])
	if n == 0 || len(parts) < 3 || len(fields) < 11 {
		return false
	}
	r.stamp(s)
	r.Format, r.Message, r.Address, r.Status = Access, parts[1], withoutPort(fields[2]), statusOf(fields[7])
	readRequestLine(parts[1], r)
	total := 0.0
	for _, field := range fields[4:7] {
		seconds, err := strconv.ParseFloat(string(field), 64)
		if err != nil || seconds < 0 || seconds > 1e6 {
			return true // -1: no answer
		}
		total += seconds
	}
	r.Duration, r.HasDuration, r.DurationUnit = time.Duration(math.Round(total*1e6))*time.Microsecond, true, UnitInKey
	return true
}

// readHAProxy reads "frontend backend/server 0/0/1/1531/1532 502 …" behind the address and
// the time of a line of HAProxy.
func readHAProxy(rest []byte, r *Record) bool {
	fields := bytes.Fields(rest)
	if len(fields) < 6 || bytes.Count(fields[2], []byte("/")) != 4 || !isDigits(fields[3]) {
		return false
	}
	r.Format, r.Status, r.Address = HAProxy, statusOf(fields[3]), withoutPort(r.Address)
	total := bytes.TrimPrefix(fields[2][bytes.LastIndexByte(fields[2], '/')+1:], []byte("+"))
	if isDigits(total) {
		r.Duration, r.HasDuration, r.DurationUnit = time.Duration(integer(total))*time.Millisecond, true, UnitInKey
	}
	if _, line, ok := bytes.Cut(rest, []byte(`"`)); ok {
		r.Message = bytes.TrimSuffix(line, []byte(`"`))
		readRequestLine(r.Message, r)
	}
	return true
}

// readMorgan reads "POST /mcp 200 12.345 ms - 532" and access logs in the common and combined formats.
func readMorgan(p *Parser, line []byte, r *Record) bool {
	word, rest, _ := bytes.Cut(line, []byte(" "))
	switch string(word) {
	case "http", "https", "h2", "ws", "wss", "grpcs":
		return readLoadBalancer(rest, r)
	}
	if !isHTTPMethod(word) {
		return p.readAccess(word, rest, r)
	}
	fields := bytes.Fields(rest)
	if len(fields) < 2 || len(fields[1]) != 3 || !isDigits(fields[1]) {
		return false
	}
	r.Format, r.Message, r.Method, r.Endpoint, r.Status = MorganDev, line, word, fields[0], statusOf(fields[1])
	if len(fields) > 3 && string(fields[3]) == "ms" {
		if d, ok := ParseDuration(append(bytes.Clone(fields[2]), "ms"...)); ok {
			r.Duration, r.HasDuration, r.DurationUnit = d, true, UnitInValue
		}
	}
	return true
}

// readAccess reads `ADDRESS - user [25/Nov/2026:09:00:30 +0000] "POST /mcp HTTP/1.1" 401 64 "-" "node"`.
func (p *Parser) readAccess(address, rest []byte, r *Record) bool {
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
	if readHAProxy(rest[open+2+n:], r) {
		return true
	}
	parts := bytes.SplitN(rest[open+1+n:], []byte(`"`), 3)
	if len(parts) == 3 {
		r.Message = parts[1]
		readRequestLine(parts[1], r)
		p.readAccessTail(parts[2], r)
	}
	return true
}

// readAccessTail reads the status and the rest after the common fields: key=value pairs, a
// duration with a unit (Traefik, morgan), or nginx's times in seconds, of which that of the
// request is the longest.
func (p *Parser) readAccessTail(tail []byte, r *Record) {
	fields := bytes.Fields(tail)
	if len(fields) == 0 {
		return
	}
	r.Status = statusOf(fields[0])
	if bytes.IndexByte(tail, '=') >= 0 {
		message := r.Message
		r.Message = tail
		p.embedded(r)
		r.Message = message
	}
	n := len(fields)
	last := fields[n-1]
	if n > 2 && string(last) == "ms" {
		last = append(bytes.Clone(fields[n-2]), "ms"...)
	}
	if d, ok := ParseDuration(last); ok && n > 2 && !r.HasDuration {
		r.Duration, r.HasDuration, r.DurationUnit = d, true, UnitInValue
	}
	for _, field := range fields[min(2, n):] {
		whole, frac, ok := bytes.Cut(bytes.Trim(field, `"`), []byte("."))
		if !ok || !isDigits(whole) || len(frac) != 3 || !isDigits(frac) || len(whole) > 6 || r.HasDuration && r.DurationUnit != UnitOfProxy {
			continue
		}
		d := time.Duration(integer(whole))*time.Second + time.Duration(integer(frac))*time.Millisecond
		r.Duration, r.HasDuration, r.DurationUnit = max(r.Duration, d), true, UnitOfProxy
	}
}
