package poll

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// TestSourceAuto: of a server without a snapshot the next best document is
// found, once, and asked for from then on.
func TestSourceAuto(t *testing.T) {
	for path, doc := range map[string]string{
		"/metrics":          "process_resident_memory_bytes 1048576\n",
		"/debug/vars":       `{"cmdline":[],"memstats":{"HeapAlloc":1048576}}`,
		"/debug/pprof/heap": "heap profile:\n# HeapAlloc = 1048576\n",
	} {
		t.Run(path, func(t *testing.T) {
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.URL.RequestURI())
				if r.URL.Path != path {
					http.NotFound(w, r)
					return
				}
				fmt.Fprint(w, doc)
			}))
			defer server.Close()
			target, _ := url.Parse(server.URL + "/debug/snapshot")
			c, err := client.New(client.Config{})
			if err != nil {
				t.Fatal(err)
			}
			source := &Source{Kind: "auto"}
			for range 2 {
				s, err := source.Once(t.Context(), c, target)
				if err != nil {
					t.Fatal(err)
				}
				if s.RSSMB == nil && s.HeapUsedMB == nil || s.Poll == nil || s.Poll.LatencyMs <= 0 || s.ToolCallStack != nil {
					t.Errorf("got %+v", s)
				}
			}
			last := asked[len(asked)-1]
			if asked[0] != "/debug/snapshot" || !strings.HasPrefix(last, path) || last != asked[len(asked)-2] {
				t.Errorf("asked %v", asked)
			}
		})
	}
}

// The parts of an answer stand in the poll; those of a connection only where it was made.
func TestSourceTimesTheParts(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"heapUsedMB": 1}`) }))
	defer server.Close()
	target, _ := url.Parse(server.URL + "/debug/snapshot")
	c, err := client.New(client.Config{Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	source := &Source{Kind: "auto"}
	for nth := range 2 {
		s, err := source.Once(t.Context(), c, target)
		if err != nil {
			t.Fatal(err)
		}
		p, made := s.Poll, nth == 0
		if p.DNSMs != 0 || p.ConnectMs > 0 != made || p.TLSMs > 0 != made {
			t.Errorf("poll %d: %+v", nth, p)
		}
		if p.FirstByteMs <= p.ConnectMs+p.TLSMs || p.LatencyMs < p.FirstByteMs {
			t.Errorf("poll %d: the parts are not in order: %+v", nth, p)
		}
	}
}

// TestSourceNothing: where there is none at all, what is missing is the snapshot.
func TestSourceNothing(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	target, _ := url.Parse(server.URL + "/debug/snapshot")
	c, _ := client.New(client.Config{})
	_, err := (&Source{Kind: "auto"}).Once(t.Context(), c, target)
	if err == nil || !strings.Contains(err.Error(), "no snapshot endpoint") {
		t.Error(err)
	}
	_, err = (&Source{Kind: "prometheus"}).Once(t.Context(), c, target)
	if err == nil {
		t.Error("no error")
	}
}

func TestBesideMCP(t *testing.T) {
	for address, want := range map[string]string{
		"http://h:1/mcp":            "http://h:1/debug/snapshot",
		"http://h:1/api/mcp/?key=a": "http://h:1/debug/snapshot",
		"http://h:1/sse":            "http://h:1/debug/snapshot",
		"http://h:1/debug/snapshot": "http://h:1/debug/snapshot",
		"http://h:1/state?for=mcp":  "http://h:1/state?for=mcp",
	} {
		target, _ := url.Parse(address)
		if got := BesideMCP(target, "/debug/snapshot").String(); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
