package webapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// Only listed paths are asked for, and nothing below them but where the list says so.
func TestAllowed(t *testing.T) {
	t.Parallel()
	var paths []string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths = append(paths, r.URL.Path) }))
	defer s.Close()
	base, err := Parse(s.URL + "/prefix/")
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := New(c, base, "/api/a", "/api/below/")
	for path, allowed := range map[string]bool{
		"/api/a": true, "/api/below/b": true, "/api/b": false, "/api/a/b": false, "/api": false, "/api/below/../c": false, "/api/below/x?y": false,
	} {
		if _, err := server.Text(t.Context(), path, nil); (err == nil) != allowed {
			t.Errorf("%s: %v", path, err)
		}
	}
	if len(paths) != 2 || !strings.HasPrefix(paths[0], "/prefix/api/") {
		t.Errorf("%v", paths)
	}
	if _, err := Parse("http://u:topsecret@h:port"); err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Error(err)
	}
}

// A date in whole seconds is compared with both ends of the exchange.
func TestSkew(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct{ start, end, want time.Duration }{
		{200 * time.Millisecond, 300 * time.Millisecond, 0}, {-time.Second, 100 * time.Millisecond, 0},
		{5 * time.Minute, 5*time.Minute + time.Second, -(5*time.Minute - time.Second)}, {-time.Hour, -time.Minute, time.Minute},
	} {
		if got := Skew(at, at.Add(tc.start), at.Add(tc.end)); got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
	}
}
