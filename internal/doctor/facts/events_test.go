package facts

import (
	"strings"
	"testing"
)

func TestCheckEvents(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][2]string{
		"event: message\ndata: {}\n\n":         {},
		": c\r\n\r\ndata: {}\r\n\r\n":          {},
		"data: a\ndata: b":                     {},
		"data: {}\n":                           {"no blank line", ""},
		"data: {\n\"a\":1}\n\n":                {"a line of a message", ""},
		"\xef\xbb\xbfdata: {}\n\n":             {"", "byte order mark"},
		"data: {}\r\n\n":                       {"", "lines end"},
		"datum: {}\ndata: {}\n\n":              {"", "field \"datum\""},
		"id: 1\nretry: 5\nevent: x\n\n: x\n\n": {},
	} {
		broken, odd := CheckEvents([]byte(body), !strings.HasSuffix(body, "b"))
		got := [2]string{strings.Join(broken, "; "), strings.Join(odd, "; ")}
		for i := range got {
			if (got[i] == "") != (want[i] == "") || !strings.Contains(got[i], want[i]) {
				t.Errorf("%q: %q, want %q", body, got, want)
			}
		}
	}
}

// FuzzCheckEvents checks any stream.
func FuzzCheckEvents(f *testing.F) {
	f.Add([]byte("data: {}\r\n\n\xef"), true)
	f.Fuzz(func(t *testing.T, body []byte, ended bool) {
		broken, odd := CheckEvents(body, ended)
		if len(broken) > 3 || len(odd) > 3 || strings.ContainsAny(strings.Join(append(broken, odd...), ""), "\x1b\n") {
			t.Errorf("%q %q", broken, odd)
		}
	})
}

// TestNamesEndpoint recognizes HTTP+SSE by its event, however that is written.
func TestNamesEndpoint(t *testing.T) {
	t.Parallel()
	for stream, want := range map[string]bool{
		"event: endpoint\ndata: /m\n\n":                          true,
		"event:endpoint\r\ndata:/m\r\n\r\n":                      true,
		": welcome\n\nretry: 1\n\ndata: /m\nevent: endpoint\n\n": true,
		"event: endpoints\ndata: /m\n\n":                         false,
		"data: event: endpoint\n\n":                              false,
		"event: endpoint\ndata: /m":                              false,
	} {
		if got := NamesEndpoint([]byte(stream)); got != want {
			t.Errorf("%q: %v", stream, got)
		}
	}
}

// TestRefusedHost recognizes the words of frameworks that refuse a host, and not pages that name
// their own.
func TestRefusedHost(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"Invalid Host header": true,
		`{"jsonrpc":"2.0","error":{"code":-32000,"message":"Invalid Host header: a.example"}}`: true,
		"Forbidden: invalid Host header":                                                           true,
		`Blocked request. This host ("mcp.a.example") is not allowed.`:                             true,
		"Invalid HTTP_HOST header: 'a.example'. You may need to add 'a.example' to ALLOWED_HOSTS.": true,
		"<h2>Bad Request - Invalid Hostname</h2>":                                                  true,
		"Access is only allowed at localhost:8931":                                                 true,
		"<h1>Forbidden</h1><address>Apache/2.4.52 (Ubuntu) Server at localhost Port 80</address>":  false,
		"403 - Forbidden: Access is denied. Contact your hosting provider.":                        false,
		`{"error":"Invalid request","host":"a"}`:                                                   false,
		`{"error":"Invalid request: field database_host is required"}`:                             false,
	} {
		if got := (&Exchange{Status: 403, Body: body}).Kind() == KindHost; got != want {
			t.Errorf("%q: %v", body, got)
		}
	}
}
