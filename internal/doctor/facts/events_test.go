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
