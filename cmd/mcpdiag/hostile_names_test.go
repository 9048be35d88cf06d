package main

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// ciCommand matches commands that CI systems obey anywhere in a line.
var ciCommand = regexp.MustCompile(`##[A-Za-z]*\[`)

// Names as no server should give them, as they stand in JSON.
var hostileNames = map[string]string{
	"clear the screen":   `\u001b[2J`,
	"set the title":      `\u001b]0;t\u0007`,
	"a link":             `\u001b]8;;http://evil\u001b\\`,
	"the clipboard":      `\u001b]52;c;aGk=\u0007`,
	"C1":                 `\u009b2J`,
	"C1, raw":            "\u009b2J",
	"C1, no UTF-8":       "\x9b2J",
	"DEL":                "\x7f",
	"bidi override":      "\u202egnp",
	"isolates and marks": "\u2066a\u2069\u200f\ufeff\u2028",
	"a lone surrogate":   `\ud800`,
	"invalid UTF-8":      "\xff\xfe\xc3",
	"over the verdict":   `x\rno leak seen`,
	"a workflow command": `\n::error::x`,
	"one in the indent":  `::error::x`,
	"an old command":     `##[error]x`,
	"an Azure command":   `##vso[task.setvariable variable=PATH]/e`,
	"a TeamCity command": `##teamcity[buildStop comment='x']`,
	"NUL":                `\u0000`,
	"no characters":      "\uffff\ufffe",
	"a very long one":    strings.Repeat("n", 1<<17),
}

// namesToTry returns the hostile names, a third of them unless the tests are thorough.
func namesToTry() map[string]string {
	if processtest.Thorough() {
		return hostileNames
	}
	some := map[string]string{}
	for i, title := range slices.Sorted(maps.Keys(hostileNames)) {
		if i%3 == 0 {
			some[title] = hostileNames[title]
		}
	}
	return some
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	for title, name := range namesToTry() {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			for command, args := range asks(hostileServer(t, name), t.TempDir()) {
				t.Run(command, func(t *testing.T) { meetHostileName(t, command, args) })
			}
		})
	}
}

// hostileServer serves name in every place that a name can have.
func hostileServer(t *testing.T, name string) string {
	t.Helper()
	b := &badServer{server: name, tool: name}
	n := 0
	b.snapshot = func(w http.ResponseWriter, _ *http.Request) {
		n++
		fmt.Fprintf(w, `{"activeSessions": 1, "heapUsedMB": %d, "%s": 1, "toolCallStack": [{"id": "%s", "name": "%s", "sessionId": "%s", "durationMs": 5}],
			"handlerQueue": {"%s": %d}, "handlers": {"%s": {"calls": %d}}, "pid": "%s"}`, 10<<n, name, name, name, name, name, n, name, n, name)
	}
	b.call = func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"isError":true,"content":[{"type":"text","text":"%s"}]}}`, rpcID(r), name)
	}
	return b.start(t)
}

func meetHostileName(t *testing.T, command string, args []string) {
	t.Helper()
	o := invoke(t, args...)
	o.harmless(t)
	want := map[string]int{"poll": exitOK, "diff": exitFinding, "load": exitFailure}[command[:4]] // every call fails
	if o.code != want {
		t.Errorf("exit code %d, want %d: %.500s\n%.800s", o.code, want, o.err, o.out)
	}
	if limit := 20_000; len(o.err) > limit || len(o.out) > limit && command != "poll stdout" {
		t.Errorf("%d bytes on stdout, %d on stderr", len(o.out), len(o.err))
	}
	if command == "diff github" {
		return
	}
	for line := range strings.Lines(o.out + o.err) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || ciCommand.MatchString(line) {
			t.Errorf("a CI system would obey %q", line)
		}
	}
}

// The same for what stands in HTTP itself and in errors of JSON-RPC.
func TestHostileErrors(t *testing.T) {
	t.Parallel()
	const nasty = "\x1b[2J\u202e\x9b\x7f"
	body := func(code int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(text))
		}
	}
	rpcError := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"a\u001b[2J\n::error::x\u202e\nmcpdiag: no leak found"}}`, rpcID(r))
	}
	for title, url := range map[string]string{
		"the body of an error": (&badServer{snapshot: body(500, nasty), mcp: body(500, nasty)}).start(t),
		"a body that is none":  (&badServer{snapshot: body(200, nasty), mcp: body(200, nasty)}).start(t),
		"the status line":      rawServer(t, after("HTTP/1.1 500 "+nasty+"\r\nContent-Length: 0\r\n\r\n")),
		"the protocol":         rawServer(t, after(nasty+"\r\n\r\n")),
		"a redirect":           rawServer(t, after("HTTP/1.1 302 Found\r\nLocation: http://evil/"+nasty+"\r\nContent-Length: 0\r\n\r\n")),
		"a JSON-RPC error":     (&badServer{snapshot: body(404, nasty), tool: "x", call: rpcError}).start(t),
	} {
		for what, args := range asks(url, t.TempDir()) {
			t.Run(title+", "+what, func(t *testing.T) {
				t.Parallel()
				o := invoke(t, args...)
				o.wants(t, exitFailure, "mcpdiag:")
				if strings.Contains(o.err, "\nmcpdiag: no leak found") {
					t.Errorf("a forged line on standard error: %s", o.err)
				}
			})
		}
	}
}
