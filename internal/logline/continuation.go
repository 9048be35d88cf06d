package logline

import "bytes"

// continuations begin lines that belong to the record before them.
var continuations = []string{
	"at ", "Caused by:", "-----END ", "... ", "Traceback (most recent call last)", "goroutine ", "created by ", "During handling of the above",
	"The above exception was the direct", "--- End of ", "Stack trace:", "During the execution", "stack backtrace:", "(Use `node --trace-", "Causing:", "note: run with `RUST_BACKTRACE", "note: Some details are omitted", "[signal ",
}

// readContinuation recognizes lines that continue the record before: indented ones,
// frames of stack traces, closing braces of an inspected object, GC lines of a dying Node.
func readContinuation(_ *Parser, line []byte, r *Record) bool {
	if r.Wrappers&(ClaudeDesktop|VSCode) != 0 {
		return false
	}
	if frame, ok := bytes.CutPrefix(line, []byte("! ")); ok && len(frame) > 0 { // Dropwizard
		line = frame
	}
	text := bytes.TrimLeft(line, " \t")
	switch {
	case line[0] == ' ' || line[0] == '\t':
		readRichContinuation(line, text, r)
	case line[0] == '}' || line[0] == ']':
	case bytes.HasPrefix(line, []byte("[")) && bytes.Contains(line[:min(len(line), 60)], []byte(" ms: ")):
		r.Format = NodeDeath
	case isGoFrame(line), isFinalException(line), isBase64(line), isScriptFrame(line):
	case !hasAnyPrefix(line, continuations):
		return false
	}
	r.Continues = r.Format != Rich // a record of rich whose time did not change
	if len(r.Message) == 0 {
		r.Message = text
	}
	return true
}

// readRichContinuation reads a record of rich whose time column is blank because it did not change.
func readRichContinuation(line, text []byte, r *Record) {
	word, after, _ := bytes.Cut(text, []byte(" "))
	if len(line)-len(text) >= 20 && isLevel(word) {
		r.Format, r.Level, r.Message = Rich, ParseLevel(word), richMessage(after)
		return
	}
	if len(line)-len(text) >= 20 {
		r.Message = richMessage(text)
	}
}

func hasAnyPrefix(line []byte, prefixes []string) bool {
	for _, prefix := range prefixes {
		if bytes.HasPrefix(line, []byte(prefix)) {
			return true
		}
	}
	return false
}

// isBase64 recognizes the lines of a key or certificate: they belong to its first line.
func isBase64(line []byte) bool {
	for _, c := range line {
		if !isDigit(c) && !isLower(c) && (c < 'A' || c > 'Z') && c != '+' && c != '/' && c != '=' {
			return false
		}
	}
	return len(line) >= 48
}

// isScriptFrame recognizes "/app/tools.rb:41:in `call'" of Ruby and "#0 /app/db.php(12): …" of PHP.
func isScriptFrame(line []byte) bool {
	place, _, ruby := bytes.Cut(line, []byte(":in "))
	return ruby && bytes.Contains(place, []byte(".rb:")) && bytes.IndexByte(place, ' ') < 0 || len(line) > 3 && line[0] == '#' && isDigit(line[1]) && (line[2] == ' ' || line[3] == ' ')
}

// isGoFrame recognizes the function line of a Go stack: "main.(*S).call(0xc000112000, …)",
// and "main.(*S).call" as zap writes it.
func isGoFrame(line []byte) bool {
	if blank := bytes.IndexByte(line, ' '); blank >= 0 && blank < bytes.IndexByte(line, '(') {
		return false // a text that ends in "()"
	}
	if bytes.IndexByte(line, ' ') < 0 && (bytes.Contains(line, []byte(".(*")) || bytes.HasPrefix(line, []byte("main."))) {
		return true
	}
	return line[len(line)-1] == ')' && bytes.IndexByte(line, ' ') != 0 && (bytes.IndexByte(line, '.') > 0 || bytes.HasPrefix(line, []byte("panic("))) &&
		(bytes.Contains(line, []byte("(0x")) || bytes.Contains(line, []byte("({0x")) || bytes.HasSuffix(line, []byte("()")) || bytes.HasSuffix(line, []byte("(...)")))
}

// isFinalException recognizes the last line of a Python traceback and the head of a
// Java stack: a dotted type that ends in Error or Exception, a colon and text.
func isFinalException(line []byte) bool {
	name, _, ok := bytes.Cut(line, []byte(": "))
	if !ok || len(name) > 120 || bytes.IndexByte(name, '.') < 0 || bytes.IndexByte(name, ' ') >= 0 {
		return false
	}
	last := name[bytes.LastIndexByte(name, '.')+1:]
	return len(last) > 0 && last[0] >= 'A' && last[0] <= 'Z' && !bytes.ContainsAny(name, `/\"'()[]{}=`)
}
