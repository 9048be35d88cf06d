package logs

import (
	"bytes"
	"encoding/hex"
	"hash/fnv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/logs/input"
	"github.com/mcpdiag/mcpdiag/internal/logs/template"
)

// fingerprint identifies an error in eight hexadecimal digits that are the same on
// every machine: its type and up to five frames of the program's own code, without
// lines, columns, addresses and folders; without a stack, its masked message.
func fingerprint(e *input.Entry) (id, title string) {
	title = titleOf(e)
	h := fnv.New32a()
	_, _ = h.Write(e.ErrorType)
	if e.RPC.IsError {
		_, _ = h.Write(e.Tool)
		title = text(e.Tool) + ": " + title
	}
	frames := appFrames(e.Stack)
	for _, frame := range frames {
		_, _ = h.Write([]byte("\x00" + frame))
	}
	if len(frames) == 0 {
		_, _ = h.Write(maskMessage(message(e)))
	}
	return hex.EncodeToString(h.Sum(nil)), title
}

// message is the text of the error, else of the line.
func message(e *input.Entry) []byte {
	if len(e.ErrorText) > 0 {
		return e.ErrorText
	}
	return e.Message
}

func titleOf(e *input.Entry) string {
	line, _, _ := bytes.Cut(message(e), []byte("\n"))
	if len(e.ErrorType) > 0 && !bytes.Equal(e.ErrorType, line) {
		return text(e.ErrorType) + ": " + text(line)
	}
	return text(line)
}

// maskMessage replaces the variable words of a message.
func maskMessage(message []byte) []byte {
	var masked []byte
	for word := range bytes.FieldsSeq(message[:min(len(message), 500)]) {
		masked = append(template.AppendMasked(masked, word), ' ')
	}
	return masked
}

// maxFrames is how many frames make a fingerprint.
const maxFrames = 5

// appFrames returns the innermost frames of the program's own code as "function file",
// all frames if there are only library ones. Python's stacks end with the innermost frame,
// Java's root cause stands last.
func appFrames(stack []byte) []string {
	if len(stack) == 0 {
		return nil
	}
	if i := bytes.LastIndex(stack, []byte("Caused by:")); i >= 0 {
		stack = stack[i:]
	}
	var own, all []string
	lines := strings.Split(string(stack), "\n")
	for i, line := range lines {
		frame, library, ok := parseFrame(line, lines, i)
		if !ok {
			continue
		}
		all = append(all, frame)
		if !library {
			own = append(own, frame)
		}
	}
	if len(own) == 0 {
		own = all
	}
	if bytes.Contains(stack, []byte("Traceback")) || bytes.Contains(stack, []byte(`  File "`)) {
		return own[max(0, len(own)-maxFrames):]
	}
	return own[:min(len(own), maxFrames)]
}

// parseFrame reads one frame of Node, Java, .NET, Python or Go.
func parseFrame(line string, lines []string, i int) (frame string, library, ok bool) {
	trimmed := strings.TrimSpace(line)
	switch {
	case strings.HasPrefix(trimmed, `File "`):
		path, rest, _ := strings.Cut(trimmed[len(`File "`):], `"`)
		_, function, _ := strings.Cut(rest, ", in ")
		return function + " " + baseName(path), isLibrary(path), true
	case strings.HasPrefix(trimmed, "at "):
		return parseAtFrame(strings.TrimPrefix(trimmed[len("at "):], "async "))
	case strings.HasPrefix(line, "\t") && strings.Contains(trimmed, ".go:") && i > 0:
		path, _, _ := strings.Cut(trimmed, ":")
		function := lines[i-1]
		if paren := strings.LastIndexByte(function, '('); paren > 0 {
			function = function[:paren]
		}
		return function + " " + baseName(path), isLibrary(path) || isLibrary(function), true
	}
	return "", false, false
}

// parseAtFrame reads "call (/app/dist/tools/search.js:41:13)", "org.acme.Tools.call(Tools.java:41)"
// and "Acme.Tools.Query(String sql) in /src/Tools.cs:line 41".
func parseAtFrame(text string) (frame string, library, ok bool) {
	function, place, _ := strings.Cut(text, "(")
	if _, path, dotnet := strings.Cut(text, ") in "); dotnet {
		place = path
	}
	function, place = strings.TrimSpace(function), strings.TrimSuffix(place, ")")
	if place == "" {
		place, function = function, ""
	}
	library = isLibrary(place) || isLibrary(function)
	path, _, _ := strings.Cut(strings.TrimPrefix(place, "file://"), ":")
	if i := strings.Index(function, "lambda$"); i >= 0 {
		function = function[:i] + "lambda"
	}
	return strings.TrimRight(function, "0123456789") + " " + baseName(path), library, true
}

// libraries are parts of paths and names that are not the program's own code.
var libraries = []string{
	"node_modules", "node:", "site-packages", "lib/python3", "dist-packages", "/runtime/", "runtime.", "net/http.", "/net/http/", "java.", "javax.", "jdk.",
	"sun.", "org.springframework", "org.apache.", "System.", "Microsoft.", "io.netty", "reactor.core", "<anonymous>",
}

func isLibrary(name string) bool {
	for _, part := range libraries {
		if strings.Contains(name, part) && (strings.ContainsAny(part, "/_-<:") || strings.HasPrefix(name, part)) {
			return true
		}
	}
	return false
}

func baseName(path string) string {
	path = strings.TrimSpace(path)
	return path[strings.LastIndexAny(path, `/\`)+1:]
}
