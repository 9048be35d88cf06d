package demo

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

func TestAnswersLocalhostOnly(t *testing.T) {
	h := New(Config{}).Handler()
	for name, tc := range map[string]struct {
		host, origin string
		want         int
	}{
		"localhost":        {"localhost:3100", "", http.StatusOK},
		"IPv4":             {"127.0.0.1:3100", "", http.StatusOK},
		"IPv6":             {"[::1]:3100", "", http.StatusOK},
		"IPv6, no port":    {"[::1]", "", http.StatusOK},
		"own origin":       {"localhost:3100", "http://localhost:3100", http.StatusOK},
		"rebound name":     {"evil.example:3100", "", http.StatusForbidden},
		"name of a prefix": {"localhost.evil.example", "", http.StatusForbidden},
		"other machine":    {"192.0.2.1:3100", "", http.StatusForbidden},
		"other origin":     {"localhost:3100", "https://evil.example", http.StatusForbidden},
		"null origin":      {"localhost:3100", "null", http.StatusForbidden},
		"broken origin":    {"localhost:3100", "http://[", http.StatusForbidden},
	} {
		for _, path := range []string{"/health", "/debug/snapshot"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.Host = tc.host
			if tc.origin != "" {
				r.Header.Set("Origin", tc.origin)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tc.want {
				t.Errorf("%s, %s: status %d, want %d", name, path, w.Code, tc.want)
			}
			if path == "/health" && w.Code == http.StatusOK && w.Body.String() != "{\"status\":\"ok\"}\n" {
				t.Errorf("%s: health is %q", name, w.Body)
			}
		}
	}
}

// connect opens a session with the server, as clients with sessions do.
func connect(t *testing.T, url string) *mcp.ClientSession {
	t.Helper()
	c := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	transport := &mcp.StreamableClientTransport{Endpoint: url + "/mcp", DisableStandaloneSSE: true}
	session, err := c.Connect(t.Context(), transport, &mcp.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

func use(ctx context.Context, s *mcp.ClientSession, tool string, args map[string]any) error {
	_, err := s.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: args})
	return err
}

// failThenClose is a session in which a call fails, and that ends.
func failThenClose(t *testing.T, _ *Server, url string) {
	t.Helper()
	s := connect(t, url)
	if err := use(t.Context(), s, "flaky", map[string]any{"fail": true}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// abandon is a session that nobody ends, until it expires.
func abandon(t *testing.T, server *Server, url string) {
	t.Helper()
	connect(t, url)
	server.sessions.expire(time.Now().Add(time.Hour))
}

// search16 calls search sixteen times at once, and the server is slow to answer.
func search16(t *testing.T, _ *Server, url string) {
	t.Helper()
	s := connect(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() { _ = use(ctx, s, "search", nil) })
	}
	t.Cleanup(func() { cancel(); calls.Wait() })
}

func echo(t *testing.T, _ *Server, url string) {
	t.Helper()
	if err := use(t.Context(), connect(t, url), "echo", map[string]any{"text": "x"}); err != nil {
		t.Fatal(err)
	}
}

func retained(name string) func(*snapshot.Snapshot) float64 {
	return func(s *snapshot.Snapshot) float64 {
		if kept := s.Handlers[name].RetainedMB; kept != nil {
			return *kept
		}
		return 0
	}
}

func queued(s *snapshot.Snapshot) float64 { return float64(s.HandlerQueue["search"]) }

// Each fault moves the field that tells of it, and the healthy server does not.
func TestFaults(t *testing.T) {
	closed := func(s *snapshot.Snapshot) bool { return *s.SessionsClosedTotal == 1 && *s.ActiveSessions == 0 }
	running := func(n int) func(s *snapshot.Snapshot) bool {
		return func(s *snapshot.Snapshot) bool {
			return len(s.ToolCallStack)+int(queued(s)) == 16 && len(s.ToolCallStack) == n
		}
	}
	once := func(s *snapshot.Snapshot) bool { return *s.CallsTotal == 1 && *s.ActiveSessions == 1 }
	slow := time.Minute
	for name, tc := range map[string]struct {
		cfg   Config
		do    func(*testing.T, *Server, string)
		until func(*snapshot.Snapshot) bool
		field func(*snapshot.Snapshot) float64
		want  float64
	}{
		"--leak-session":          {Config{LeakSession: 2 << 20}, failThenClose, closed, retained("flaky"), 2},
		"healthy, failed session": {Config{}, failThenClose, closed, retained("flaky"), 0},
		"--leak-call":             {Config{LeakCall: 1 << 20}, echo, once, retained("echo"), 1},
		"healthy, call":           {Config{}, echo, once, retained("echo"), 0},
		"--leak-abandoned":        {Config{LeakAbandoned: true}, abandon, closed, retained("transport"), 0.25},
		"healthy, abandoned":      {Config{}, abandon, closed, retained("transport"), 0},
		"--slow-queue":            {Config{SlowQueue: true, ServiceTime: slow}, search16, running(1), queued, 15},
		"healthy, sixteen calls":  {Config{ServiceTime: slow}, search16, running(16), queued, 0},
		"--workers 4":             {Config{ServiceTime: slow, Workers: 4}, search16, running(4), queued, 12},
	} {
		t.Run(name, func(t *testing.T) {
			server := New(tc.cfg)
			srv := httptest.NewServer(server.Handler())
			tc.do(t, server, srv.URL)
			t.Cleanup(func() { _ = srv.Listener.Close(); srv.CloseClientConnections() }) // Close would wait for the slow calls
			eventually(t, srv.URL, func(s *snapshot.Snapshot) bool { return tc.until(s) && tc.field(s) == tc.want })
		})
	}
}

// eventually reads the snapshot until it is as it must become.
func eventually(t *testing.T, url string, ok func(*snapshot.Snapshot) bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		s := read(t, url)
		if ok(s) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to what is awaited: %s", s.Raw)
		}
	}
}

func read(t *testing.T, url string) *snapshot.Snapshot {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/debug/snapshot", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
