package logline

import "bytes"

// unwrapSyslog removes the header of RFC 5424, and the priority of RFC 3164.
func unwrapSyslog(line []byte, r *Record) ([]byte, bool) {
	end := bytes.IndexByte(line[:min(len(line), 5)], '>')
	if end < 2 || !isDigits(line[1:end]) {
		return nil, false
	}
	level := levelOfSyslog(integer(line[1:end]) % 8)
	rest := line[end+1:]
	if !bytes.HasPrefix(rest, []byte("1 ")) {
		inner, ok := unwrapJournal(rest, r)
		if ok {
			r.Wrappers, r.Level = r.Wrappers&^Journal|Syslog, level
		}
		return inner, ok
	}
	inner, ok := unwrapSyslogHeader(rest, r)
	if ok {
		r.Level = level
	}
	return inner, ok
}

// unwrapSyslogHeader removes "1 TIME host program process id data " of RFC 5424: some
// receivers do not store the priority in front of it.
func unwrapSyslogHeader(line []byte, r *Record) ([]byte, bool) {
	s, n := ParseTime(line[2:])
	if n == 0 {
		return nil, false
	}
	parts := bytes.SplitN(bytes.TrimLeft(line[2+n:], " "), []byte(" "), 5) // host, program, process, message id, data and text
	if len(parts) < 5 || len(parts[4]) == 0 || parts[4][0] != '-' && parts[4][0] != '[' {
		return nil, false
	}
	r.stamp(s)
	r.Wrappers, r.Stream = r.Wrappers|Syslog, parts[1]
	return structuredData(parts[4], r), true
}

// structuredData reads the elements in brackets of RFC 5424 and returns the text behind them.
func structuredData(text []byte, r *Record) []byte {
	if rest, ok := bytes.CutPrefix(text, []byte("-")); ok {
		return bytes.TrimPrefix(rest, []byte(" ")) // further ones are those of a stack
	}
	end := endOfElements(text)
	if end < 0 {
		return text
	}
	for pair := range bytes.FieldsSeq(text[1:end]) {
		key, quoted, ok := bytes.Cut(pair, []byte("="))
		a, known := aliases[string(appendKey(nil, key))]
		if !ok || !known {
			continue
		}
		switch value := bytes.Trim(quoted, `"`); a.field {
		case requestField:
			r.Request = value
		case sessionField:
			r.Session = value
		case userField:
			r.User = value
		case toolField:
			r.Tool = value
		default:
		}
	}
	if end+1 == len(text) {
		return text // there is nothing else to show
	}
	return text[end+2:]
}

// endOfElements returns the place of the bracket that ends the last element, -1 if there is
// none. Values stand in quotes, and may hold brackets.
func endOfElements(text []byte) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted && (i+1 == len(text) || text[i+1] == ' '):
			return i
		case c == ']' && !quoted && text[i+1] != '[':
			return -1
		}
	}
	return -1
}
