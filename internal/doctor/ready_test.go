package doctor

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// TestReady waits for servers that have just been started: nothing listens yet, or a proxy
// answers for the server.
func TestReady(t *testing.T) {
	t.Parallel()
	healthy := served(t, nil)
	var asked atomic.Int64
	proxied := served(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if asked.Add(1) < 3 {
			always(http.StatusBadGateway, "text/html", "<h1>502 Bad Gateway</h1>")(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
	for name, c := range map[string]struct {
		target func() string
		least  float64 // seconds
		most   float64
	}{
		"runs already": {func() string { return healthy }, 0, 20},
		"a proxy":      {func() string { return proxied }, 0.9, 20},
		"nothing yet":  {func() string { return listensLater(t, 700*time.Millisecond) }, 0.6, 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := examineWith(t, c.target(), gather.Options{Ready: 20 * time.Second, Quick: true})
			r := Judge(f, Judgement{})
			if r.Verdict != Healthy || r.Waited < c.least || r.Waited > c.most || f.Ended != f.Sessions {
				t.Errorf("verdict %s after %.1f s, %d of %d sessions ended\n%s", r.Verdict, r.Waited, f.Ended, f.Sessions, shown(r))
			}
			if !strings.Contains(textOf(t, r), "of waiting for the server\n") && c.least > 0 {
				t.Errorf("waiting is not shown\n%s", textOf(t, r))
			}
		})
	}
}

// TestNeverReady examines a server that does not come, which is then unreachable.
func TestNeverReady(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	r := Judge(examineWith(t, "http://"+processtest.FreeAddress(t)+"/mcp", gather.Options{Ready: 600 * time.Millisecond, Quick: true}), Judgement{})
	if r.Verdict != Unreachable || r.Waited < 0.6 || time.Since(begin) > 5*time.Second {
		t.Errorf("%s after %.1f s", r.Verdict, r.Waited)
	}
}

// listensLater returns the address of a healthy server that begins to listen after a while.
func listensLater(t *testing.T, after time.Duration) string {
	t.Helper()
	address := processtest.FreeAddress(t)
	s := &http.Server{Handler: behind(nil), ReadHeaderTimeout: time.Minute}
	timer := time.AfterFunc(after, func() {
		if l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address); err == nil {
			_ = s.Serve(l) // until it is closed
		}
	})
	t.Cleanup(func() { timer.Stop(); _ = s.Close() })
	return "http://" + address + "/mcp"
}
