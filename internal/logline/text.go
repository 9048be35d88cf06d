package logline

import (
	"bytes"
	"slices"
)

// textFormats are tried in this order; the first that fits reads the line.
var textFormats = []func(*Parser, []byte, *Record) bool{
	readContinuation, readExport, readCursor, readGin, readNest, readDated, readBracketed, readLevelFirst, readLogfmt, readDotNet, readPython, readKlog, readMorgan, readRedis, readLambda,
	readComment, readProgram, readCrash, readLabelled,
}

// readDated reads lines that begin with a time.
func readDated(p *Parser, line []byte, r *Record) bool {
	s, n := ParseTime(line)
	if n == 0 {
		if s, n = parseKitchen(line); n == 0 {
			return false
		}
	}
	slashes := len(line) > 4 && line[4] == '/'
	r.stamp(s)
	if n < len(line) && line[n] == '\t' {
		p.readTabbed(bytes.Split(line[n+1:], []byte("\t")), r)
		return true
	}
	rest := bytes.TrimLeft(line[n:], " ")
	gap := len(line) - n - len(rest)
	switch {
	case line[n-1] == 'M' && bytes.IndexByte(rest, '.') > 0 && bytes.Count(rest, []byte(" ")) == 1:
		r.Format = JavaLogging
		r.Logger, _, _ = bytes.Cut(rest, []byte(" "))
	case len(rest) == 0:
		r.Format = Stamped
	case rest[0] == '|' && gap == 0:
		readNLog(rest[1:], r)
	case bytes.HasPrefix(rest, []byte("- ")):
		readAsctime(rest[2:], r)
	case bytes.HasPrefix(rest, []byte("| ")):
		if !readBars(rest[2:], r) {
			readLoguru(rest[2:], r)
		}
	case rest[0] == '[':
		p.readDatedBracket(rest, slashes, r)
	case slashes:
		p.readGoLog(rest, r)
	case gap > 0:
		p.readDatedWord(rest, r)
	default:
		return false
	}
	return true
}

// readAsctime reads "logger - LEVEL - [process - thread [place] -] message".
func readAsctime(rest []byte, r *Record) {
	if len(rest) > 0 && isLower(rest[0]) && readLabelled(nil, rest, r) {
		return
	}
	r.Format, r.Message = PythonAsctime, rest
	parts := bytes.Split(rest, []byte(" - "))
	for i, part := range parts[:min(len(parts), 3)] {
		if !isLevel(part) || i+1 == len(parts) {
			continue
		}
		r.Level, r.Message = ParseLevel(part), bytes.Join(parts[i+1:], []byte(" - "))
		if i > 0 {
			r.Logger = parts[0]
		}
		readUvicornAccess(r.Message, r)
		if n := len(parts) - i - 1; n == 3 && isDigits(parts[i+1]) {
			r.Message = parts[len(parts)-1]
		}
		return
	}
}

// readLoguru reads "LEVEL    | module:function:line - message".
func readLoguru(rest []byte, r *Record) {
	r.Format, r.Message = Loguru, rest
	level, after, ok := bytes.Cut(rest, []byte("| "))
	if !ok {
		return
	}
	r.Level, r.Message = ParseLevel(level), after
	head, text := []byte(nil), after
	for range maxColumns { // a format of the user's own may have further columns in front of the place, or a bar behind it
		column, rest, ok := bytes.Cut(text, []byte(" | "))
		if place, message, dash := bytes.Cut(text, []byte(" - ")); dash && isLoguruPlace(place) {
			column, rest, ok = place, message, true
		}
		if !ok {
			return
		}
		if isLoguruPlace(column) {
			r.Logger, r.Message = column, slices.Concat(head, rest)
			return
		}
		head, text = after[:len(after)-len(rest)], rest
	}
}

// maxColumns bounds the columns in front of the place of a line of loguru.
const maxColumns = 16

// isLoguruPlace reports whether text is "module:function:line".
func isLoguruPlace(text []byte) bool {
	return bytes.Count(text, []byte(":")) >= 2 && bytes.IndexByte(text, ' ') < 0 && isDigits(text[bytes.LastIndexByte(text, ':')+1:])
}

// readDatedBracket reads "[level  ] event key=value" (structlog), "[level] 12#34: text"
// (nginx) and "[41] ERROR:  text" (PostgreSQL).
func (p *Parser) readDatedBracket(rest []byte, slashes bool, r *Record) {
	word, text, ok := cutBracket(rest)
	word = bytes.TrimSpace(word)
	switch level := ParseLevel(word); {
	case !ok:
		r.Format, r.Message = Stamped, rest
	case slashes && level != NoLevel:
		r.Level = level
		readNginxError(text, r)
	case slashes && readChi(text, r):
		r.Request = word
	case level != NoLevel:
		if r.Level, r.Format = level, StructlogConsole; !isLower(word[0]) {
			r.Format = Serilog
		}
		p.splitPairs(bytes.TrimSpace(bytes.TrimPrefix(text, []byte(":"))), r)
		if r.Format == Serilog {
			readName(r)
		}
	case isName(word) && len(text) > 0 && isLower(text[0]) && readLabelled(nil, text, r):
		r.Logger = word
	case readSecondBracket(text, r):
	case isDigits(word) && readPostgres(text, r):
	case readThread(text, r):
	default:
		r.Format, r.Message = Stamped, rest
	}
}

// readSecondBracket reads "[LEVEL] logger: message" behind the name of a thread.
func readSecondBracket(text []byte, r *Record) bool {
	word, message, ok := cutBracket(text)
	if !ok || !isLevel(word) {
		return false
	}
	r.Format, r.Level, r.Message = Serilog, ParseLevel(word), message
	readName(r)
	return true
}

// readName cuts "logger: " and "(logger) " off a message, and the colon that hclog writes
// in front of the pairs.
func readName(r *Record) {
	name, text, ok := bytes.Cut(r.Message, []byte(": "))
	if bracketed, after, closed := bytes.Cut(r.Message, []byte(") ")); closed && bytes.HasPrefix(bracketed, []byte("(")) {
		name, text, ok = bracketed[1:], after, true
	}
	if ok && isName(name) && len(r.Logger) == 0 {
		r.Logger, r.Message = name, bytes.TrimSuffix(text, []byte(":"))
	}
}

// readThread reads "LEVEL logger - message" behind the name of a thread.
func readThread(text []byte, r *Record) bool {
	word, rest, _ := bytes.Cut(text, []byte(" "))
	if !isLevel(word) {
		return false
	}
	r.Format, r.Level, r.Message = Log4j, ParseLevel(word), bytes.TrimLeft(rest, " ")
	readLogger(r)
	r.Format = Log4j
	return true
}

// readGoLog reads the text of Go's log package, and slog's default handler, which
// adds a level and pairs.
func (p *Parser) readGoLog(rest []byte, r *Record) {
	if readChi(rest, r) {
		return
	}
	r.Format, r.Message = GoLog, rest
	if word, after, ok := bytes.Cut(rest, []byte(" ")); ok && isLevel(bytes.TrimSuffix(word, []byte(":"))) {
		r.Level, r.Message = ParseLevel(bytes.TrimSuffix(word, []byte(":"))), after
		p.splitPairs(after, r)
	}
}

// readTabbed reads fields behind a time: a level, an identifier of a request (AWS
// Lambda) or a place in the source (zap), the message, an object (zap).
func (p *Parser) readTabbed(fields [][]byte, r *Record) {
	r.Format = Tabbed
	for i, field := range fields {
		switch {
		case r.Level == NoLevel && (isLevel(field) || i == 0 && isLevelWord(field)):
			r.Level = ParseLevel(field)
		case len(field) == 36 && bytes.Count(field, []byte("-")) == 4:
			r.Request = field
		case i > 0 && len(field) > 0 && field[0] == '{' && p.fields.object(field):
			p.fields.style = UnitOfZap
			message := r.Message
			p.fields.fill(r)
			r.Message = message
		case i+1 < len(fields) && isPlace(field):
			if r.Logger = field; len(r.Message) > 0 { // zap's name of the logger stood in front
				r.Logger, r.Message = r.Message, nil
			}
		case len(r.Message) == 0:
			r.Message = bytes.TrimSpace(field)
		}
	}
}

// isPlace reports whether text is a place in the source: call.go:88.
func isPlace(text []byte) bool {
	file, line, ok := bytes.Cut(text, []byte(":"))
	return ok && isDigits(line) && bytes.IndexByte(file, '.') > 0 && bytes.IndexByte(file, ' ') < 0
}

// readDatedWord parses the text after a time and blanks: Rust tracing, Spring Boot,
// zerolog's console, npm debug, a level and text, or text alone.
func (p *Parser) readDatedWord(rest []byte, r *Record) {
	word, after, _ := bytes.Cut(rest, []byte(" "))
	level := ParseLevel(bytes.TrimRight(word, ":"))
	switch {
	case readMySQL(word, after, r), readDotNet(p, rest, r):
	case level != NoLevel && isLevel(word) && bytes.Contains(after[:min(len(after), 100)], []byte(" --- [")):
		r.Level = level
		readSpring(after, r)
	case level != NoLevel && isLevel(word) && len(word) == 3:
		r.Level, r.Format = level, ZerologConsole
		p.splitPairs(bytes.TrimLeft(after, " "), r)
		if place, text, ok := bytes.Cut(r.Message, []byte(" > ")); ok && isPlace(place) {
			r.Logger, r.Message = place, text
		}
	case level != NoLevel && isLevel(word) && targetEnd(withoutThread(after)) > 0:
		r.Level, r.Format = level, Tracing
		p.readTracing(bytes.TrimLeft(withoutThread(after), " "), r)
	case level != NoLevel && (isLevel(word) || word[len(word)-1] == ':'):
		r.Level, r.Format, r.Message = level, Stamped, bytes.TrimLeft(after, " ")
		if readUvicornAccess(r.Message, r); len(r.Address) > 0 {
			r.Format = Uvicorn
			break
		}
		readLogger(r)
	case readW3C(rest, r), readLambdaTimeout(rest, r), readNamedLevel(word, after, r):
	case debugName(word) && bytes.HasPrefix(rest[max(0, bytes.LastIndexByte(rest, ' ')):], []byte(" +")):
		r.Format, r.Logger = NPMDebug, word
		r.Message = bytes.TrimSpace(after[:max(0, bytes.LastIndexByte(after, ' '))])
	case r.Time.Missing != NoDate && p.readNested(rest, r):
	default:
		r.Format, r.Message = Stamped, rest
	}
}

// readNested parses the text after a time in a format without a time.
func (p *Parser) readNested(rest []byte, r *Record) bool {
	for _, reader := range [...]func(*Parser, []byte, *Record) bool{readLogfmt, readPython, readMorgan, readCrash} {
		if reader(p, rest, r) {
			return true
		}
	}
	return false
}

func debugName(word []byte) bool {
	return bytes.IndexByte(word, ':') > 0 && word[len(word)-1] != ':' && isLower(word[0])
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

// readSpring reads "1 --- [app] [thread] class : message".
func readSpring(after []byte, r *Record) {
	r.Format, r.Message = Spring, after
	head, rest, _ := bytes.Cut(after, []byte(" --- "))
	if trace := bytes.Split(head, []byte(",")); len(trace) == 3 && len(trace[1]) >= 16 && bytes.HasPrefix(trace[0], []byte("[")) {
		r.Request = trace[1] // [app,trace,span]
	}
	for {
		_, more, ok := cutBracket(bytes.TrimLeft(rest, " "))
		if !ok {
			break
		}
		rest = more
	}
	if logger, message, ok := bytes.Cut(rest, []byte(" : ")); ok {
		r.Logger, r.Message = bytes.TrimSpace(logger), message
	}
}

// targetEnd returns the end of a Rust target, as "rmcp::service:" or behind spans
// as "call{tool=search}: acme::db:", 0 if there is none.
func targetEnd(text []byte) int {
	text = bytes.TrimLeft(text, " ")
	head := text[:min(len(text), 200)]
	end := bytes.Index(head, []byte(": "))
	if end <= 0 {
		return 0
	}
	if brace := bytes.IndexByte(head, '{'); brace > 0 && brace < end {
		end = bytes.Index(head, []byte("}: "))
	}
	if end <= 0 || bytes.IndexByte(head[:end], ' ') >= 0 && bytes.IndexByte(head[:end], '{') < 0 {
		return 0
	}
	return end
}

// withoutThread cuts "ThreadId(02) " off the text of Rust tracing.
func withoutThread(text []byte) []byte {
	text = bytes.TrimLeft(text, " ")
	if _, rest, ok := bytes.Cut(text, []byte(") ")); ok && bytes.HasPrefix(text, []byte("ThreadId(")) {
		return rest
	}
	return text
}

// readTracing reads "span{key=value}: target: message key=value".
func (p *Parser) readTracing(text []byte, r *Record) {
	for {
		brace, closing := bytes.IndexByte(text, '{'), bytes.Index(text, []byte("}: "))
		colon := bytes.Index(text, []byte(": "))
		if brace < 0 || closing < brace || colon < brace {
			break
		}
		p.fields.reset()
		p.pairs(text[brace+1 : closing])
		r.RPC.ID = p.fields.text(idField)
		p.fields.fill(r)
		text = text[closing+3:]
	}
	if target, message, ok := bytes.Cut(text, []byte(": ")); ok && bytes.IndexByte(target, ' ') < 0 {
		r.Logger, text = target, message
	}
	p.splitPairs(text, r)
	if len(r.Request) == 0 {
		r.Request = r.RPC.ID
	}
	r.RPC = RPC{}
}
