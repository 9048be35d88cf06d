package guard

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		host, origin string
		private      bool
		want         bool
	}{
		{"127.0.0.1:3100", "", true, true},
		{"localhost:3100", "http://localhost:6274", true, true},
		{"[::1]:3100", "http://[::1]", true, true},
		{"app.localhost", "http://app.localhost", true, true},
		{"LOCALHOST.", "", true, true},
		{"evil.example", "", true, false},
		{"evil.example:3100", "", false, false},
		{"127.0.0.1.evil.example", "", true, false},
		{"localhost.evil.example", "", true, false},
		{"192.168.0.2:3100", "", true, false},
		{"192.168.0.2:3100", "", false, true},
		{"proxy:3100", "", false, true},
		{"proxy:3100", "", true, false},
		{"named.example", "", true, true},
		{"", "", true, false},
		{"localhost", "https://evil.example", true, false},
		{"localhost", "null", true, false},
		{"localhost", "http://localhost.evil.example", true, false},
		{"localhost", "https://app.example", true, true},
		{"proxy:3100", "http://192.168.0.2", false, false},
		{"[localhost]", "", true, false},
		{"[[[::1]]]", "", true, false},
		{"[127.0.0.1]", "", true, false},
		{"[::ffff:127.0.0.1]:1", "", true, true},
		{"127.1", "", true, false},
		{"0x7f.0.0.1", "", true, false},
		{"2130706433", "", true, false},
		{"0.0.0.0", "", true, false},
		{"169.254.169.254", "", true, false},
		{"127.0.0.1.nip.io", "", true, false},
		{"localhost%00.evil", "", true, false},
		{"127.0.0.1:80:80", "", true, false},
		{"localhost", "http://[::1]", true, true},
		{"localhost", "javascript://localhost/", true, false},
		{"localhost", "file://", true, false},
		{"localhost", "chrome-extension://abc", true, false},
		{"localhost", "http://user@localhost:3@evil.test", true, false},
		{"localhost", "http://evil.test#@localhost", true, false},
		{"localhost", `http://evil.test\@localhost`, true, false},
		{"localhost", "http://localhost http://evil.test", true, false},
	} {
		g := Guard{Hosts: []string{"named.example"}, Origins: []string{"https://app.example"}, Private: tt.private}
		r := httptest.NewRequest(http.MethodPost, "/mcp", nil)
		r.Host = tt.host
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		if got := g.Refusal(r) == ""; got != tt.want {
			t.Errorf("host %q, origin %q, loopback only %t: allowed %t, want %t", tt.host, tt.origin, tt.private, got, tt.want)
		}
	}
}
