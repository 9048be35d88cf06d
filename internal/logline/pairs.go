package logline

import "bytes"

// readLogfmt reads lines of key=value pairs.
func readLogfmt(p *Parser, line []byte, r *Record) bool {
	eq := bytes.IndexByte(line[:min(len(line), 60)], '=')
	if eq <= 0 || !isKey(line[:eq]) {
		return false
	}
	p.fields.reset()
	if p.pairs(line) < 2 || p.fields.prose() {
		return false
	}
	r.Format = Logfmt
	p.fields.fill(r)
	return true
}

// prose reports whether the value of a name or number goes on with other words: then
// the pairs stand within a text.
func (f *fieldReader) prose() bool {
	for _, id := range [...]field{toolField, requestField, sessionField, statusField} {
		if v := f.text(id); !f.values[id].quoted && bytes.IndexByte(v, ' ') >= 0 {
			return true
		}
	}
	return false
}

func isKey(text []byte) bool {
	for _, c := range text {
		if !isNameByte(c) && c != '@' {
			return false
		}
	}
	return len(text) > 0
}

// splitPairs reads "message key=value key=value": the message ends before the first
// of the pairs that reach to the end of the text.
func (p *Parser) splitPairs(text []byte, r *Record) {
	start := firstPair(text)
	message := bytes.TrimRight(text[:start], " ")
	p.fields.reset()
	switch r.Format {
	case StructlogConsole:
		p.fields.style = UnitOfPython
	case ZerologConsole:
		p.fields.style = UnitOfZerolog
	default:
	}
	if p.pairs(text[start:]) > 0 && p.fields.prose() { // read again from the message, word by word
		r.Message = text
		return
	}
	p.fields.fill(r)
	if len(message) >= 2 && message[0] == '"' && message[len(message)-1] == '"' {
		message = message[1 : len(message)-1]
	}
	if i := bytes.LastIndex(message, []byte(" [")); r.Format == StructlogConsole && i > 0 && message[len(message)-1] == ']' && isName(message[i+2:len(message)-1]) {
		r.Logger, message = message[i+2:len(message)-1], bytes.TrimRight(message[:i], " ")
	}
	if len(message) > 0 {
		r.Message = message
	}
}

// firstPair returns where the pairs begin: at the first blank that a key and "=" follow.
func firstPair(text []byte) int {
	for i := 0; i < len(text); {
		end := bytes.IndexByte(text[i:], '=')
		if end < 0 {
			return len(text)
		}
		end += i
		start := i + bytes.LastIndexByte(text[i:end], ' ') + 1 // behind the last "=": text is read once
		if (start > i || i == 0) && isKey(text[start:end]) && end+1 < len(text) {
			return start
		}
		i = end + 1
	}
	return len(text)
}

// pairs reads key=value pairs and returns how many there were. Values may be quoted.
func (p *Parser) pairs(text []byte) int {
	n := 0
	for len(text) > 0 {
		text = bytes.TrimLeft(text, " ")
		eq := bytes.IndexByte(text, '=')
		if eq < 0 {
			return n
		}
		key := text[:eq]
		if i := bytes.LastIndexByte(key, ' '); i >= 0 {
			key = key[i+1:]
		}
		quoted := eq+1 < len(text) && (text[eq+1] == '"' || text[eq+1] == '\'')
		var v []byte
		v, text = cutValue(text[eq+1:])
		if !isKey(key) {
			continue
		}
		n++
		p.fields.path = appendKey(p.fields.path[:0], key)
		a, ok := p.fields.lookup(p.fields.path)
		if group, name, dotted := bytes.Cut(key, []byte(".")); !ok && dotted && containers[string(group)] { // slog
			a, ok = p.fields.lookup(appendKey(p.fields.path[:0], name))
			a.rank += inContainer
		}
		if ok {
			p.fields.put(a, v, isNumber(v))
			p.fields.values[a.field].quoted = quoted
		}
	}
	return n
}

// cutValue cuts a value: quoted, or up to the next pair.
func cutValue(text []byte) (v, rest []byte) {
	if len(text) > 0 && text[0] == '"' {
		for i := 1; i < len(text); i++ {
			switch text[i] {
			case '\\':
				i++
			case '"':
				return unescape(text[1:i]), text[i+1:]
			}
		}
		return text[1:], nil
	}
	if len(text) > 1 && text[0] == '\'' { // as Python writes strings
		if end := bytes.IndexByte(text[1:], '\'') + 1; end > 0 && (end+1 == len(text) || text[end+1] == ' ') {
			return text[1:end], text[end+1:]
		}
	}
	end := bytes.IndexByte(text, ' ')
	if end < 0 {
		return text, nil
	}
	next := end + 1 + firstPair(text[end+1:])
	return bytes.TrimRight(text[:next], " "), text[next:]
}

// unescape resolves the escapes \" \\ \n \t.
func unescape(v []byte) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	plain := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c == '\\' && i+1 < len(v) {
			i++
			switch c = v[i]; c {
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			}
		}
		plain = append(plain, c)
	}
	return plain
}

// isNumber reports whether a value is a decimal number.
func isNumber(v []byte) bool {
	point := false
	for i, c := range v {
		switch {
		case isDigit(c), i == 0 && c == '-':
		case c == '.' && !point && i > 0:
			point = true
		default:
			return false
		}
	}
	return len(v) > 0
}
