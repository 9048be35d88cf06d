package logline

import "bytes"

// readMySQL reads "8 [ERROR] [MY-010119] [Server] text" and, of MariaDB, "8 [Warning] text".
func readMySQL(thread, after []byte, r *Record) bool {
	word, text, ok := cutBracket(after)
	level := ParseLevel(word)
	if name := string(word); name == "Note" || name == "System" {
		level = Notice
	}
	if !ok || level == NoLevel || !isDigits(thread) && !bytes.HasPrefix(thread, []byte("0x")) {
		return false
	}
	r.Format, r.Level, r.Message = MySQL, level, text
	if code, rest, ok := cutBracket(text); ok && bytes.HasPrefix(code, []byte("MY-")) {
		r.ErrorType, r.Message = code, rest
		if level < Warn {
			r.ErrorType = nil
		}
		if name, rest, ok := cutBracket(rest); ok {
			r.Logger, r.Message = name, rest
		}
	}
	return true
}

// readNginxError reads "12#34: *5 text, client: A, server: S, request: "GET / HTTP/1.1"".
func readNginxError(text []byte, r *Record) {
	r.Format = NginxError
	if _, after, ok := bytes.Cut(text, []byte(": ")); ok {
		text = after
	}
	if len(text) > 0 && text[0] == '*' {
		if _, after, ok := bytes.Cut(text, []byte(" ")); ok {
			text = after
		}
	}
	message, details, _ := bytes.Cut(text, []byte(", client: "))
	r.Message = message
	r.Address, details, _ = bytes.Cut(details, []byte(", "))
	if _, request, ok := bytes.Cut(details, []byte(`request: "`)); ok {
		request, _, _ = bytes.Cut(request, []byte(`"`))
		readRequestLine(request, r)
	}
}

// readPostgres reads "[user@database] LEVEL:  text" behind the process number.
func readPostgres(text []byte, r *Record) bool {
	head, message, ok := bytes.Cut(text, []byte(":  "))
	if !ok || len(head) > 100 {
		return false
	}
	word := head[bytes.LastIndexByte(head, ' ')+1:]
	if !isLevel(word) {
		return false
	}
	if who, _, ok := bytes.Cut(head, []byte("@")); ok {
		r.User = who
	}
	r.Format, r.Level, r.Message = Postgres, ParseLevel(word), message
	readPostgresDuration(r)
	switch string(word) {
	case "STATEMENT", "DETAIL", "HINT", "CONTEXT", "QUERY":
		r.Continues = true
		if word[0] == 'S' {
			r.Statement = message
		}
	}
	return true
}

// readPostgresDuration reads "duration: 12.5 ms  statement: SELECT 1", also with "execute
// name:", and either part alone.
func readPostgresDuration(r *Record) {
	took, text, both := bytes.Cut(r.Message, []byte("  "))
	if took, ok := bytes.CutPrefix(took, []byte("duration: ")); ok {
		if d, ok := ParseDuration(took); ok {
			r.Duration, r.HasDuration, r.DurationUnit = d, true, UnitInValue
		}
	} else if both || r.Level != Info {
		return
	} else {
		text = r.Message
	}
	for _, step := range [...]string{"statement", "execute ", "bind ", "parse "} {
		if head, sql, ok := bytes.Cut(text, []byte(": ")); ok && bytes.HasPrefix(head, []byte(step)) && bytes.Count(head, []byte(" ")) < 2 {
			r.Statement = sql
		}
	}
}
