package proxy

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Config is the configuration of a Proxy.
type Config struct {
	To          *url.URL      // the server; nil for a server on stdio
	Name        string        // the server's address or command, without secrets
	TLS         *tls.Config   // for connections to the server
	MaxInFlight int           // tool calls passed to the server at a time; 0 is no limit
	Idle        time.Duration // after which a session counts as orphaned; 0 is never
	Probe       bool          // ping the server once for each orphaned session
	Guard       guard.Guard
	Process     *Process    // the server's process, or nil
	ErrorLog    *log.Logger // for net/http's complaints about clients

	LastError func(log []byte) string // finds the last error in the end of a log of a server on stdio; "" if it has none

	OnChange     func(u snapshot.Upstream, lasted time.Duration) // the server became unreachable, or reachable again
	OnWarning    func(text string)                               // once for each kind of warning
	OnServerName func(name string)                               // the name that the server gave itself in initialize
}

// Proxy serves the snapshot, metrics and health of a server from its traffic
// and passes on all other requests.
type Proxy struct {
	cfg     Config
	tracker *tracker
	forward *forwarder // nil for a server on stdio
	metrics http.Handler
	log     launch.Tail // of the standard error of a server on stdio
}

// New returns a Proxy.
func New(cfg Config) *Proxy {
	p := &Proxy{cfg: cfg, tracker: newTracker(&cfg)}
	if cfg.To != nil {
		p.forward = newForwarder(&cfg, p.tracker)
	}
	p.tracker.meter.registry.MustRegister(p)
	p.metrics = promhttp.HandlerFor(p.tracker.meter.registry, promhttp.HandlerOpts{})
	return p
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	limitBody(w, r)
	if reason := p.cfg.Guard.Refusal(r); reason != "" {
		http.Error(w, reason, http.StatusForbidden)
		return
	}
	switch r.URL.Path {
	case "/debug/snapshot":
		serveOwn(w, r, p.serveSnapshot)
	case "/metrics":
		serveOwn(w, r, p.metrics.ServeHTTP)
	case "/health":
		serveOwn(w, r, p.serveHealth)
	default:
		if p.forward == nil {
			http.Error(w, "the server behind this proxy speaks MCP on standard input and output; here are /debug/snapshot, /metrics and /health", http.StatusNotFound)
			return
		}
		p.forward.ServeHTTP(w, r)
	}
}

// serveOwn answers a request for one of the proxy's own pages.
func serveOwn(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	serve(w, r)
}

func (p *Proxy) serveSnapshot(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(report.NewJSONWriter(w))
	enc.SetEscapeHTML(false)
	_ = enc.Encode(p.Snapshot()) // the reader may have gone away
}

// serveHealth reports that the proxy runs, and whether it reaches the server.
func (p *Proxy) serveHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "ok", "upstreamFailing": p.tracker.failing.Load()})
}

// Snapshot returns the document served at /debug/snapshot.
func (p *Proxy) Snapshot() *Document {
	now := time.Now()
	d := p.tracker.snapshot(now)
	d.Proxy.PID, d.Proxy.Transport = os.Getpid(), "http"
	if p.forward == nil {
		d.Proxy.Transport = "stdio"
	}
	if p.cfg.Process != nil {
		p.cfg.Process.fill(d, now)
	}
	if p.cfg.LastError != nil {
		d.Proxy.LastError = p.cfg.LastError(p.log.Bytes())
	}
	return d
}

// Timeouts for the connections of clients. The body of a request has a rule of
// its own, see uploadBody; responses may take as long as they take.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 75 * time.Second // as in nginx; the session outlives its connection
)

// grace is how long requests in flight may still take when the proxy ends.
const grace = 200 * time.Millisecond

// Serve serves on l until ctx ends.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.forward != nil {
		go p.forward.watchReachability(ctx)
		go p.forward.probeOrphans(ctx)
	}
	srv := &http.Server{Handler: p, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, ErrorLog: p.cfg.ErrorLog}
	closed := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(closed)
		short, done := context.WithTimeout(context.Background(), grace)
		defer done()
		_ = srv.Shutdown(short) // event streams that clients hold open would delay it indefinitely
		_ = srv.Close()
	})
	err := srv.Serve(l) // until Shutdown begins
	cancel()
	<-closed
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
