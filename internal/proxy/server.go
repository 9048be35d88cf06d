package proxy

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Config says what the proxy stands before, and how.
type Config struct {
	To          *url.URL    // the server; nil where it is wrapped on stdio
	Name        string      // what to call the server, without its secrets
	TLS         *tls.Config // towards the server
	MaxInFlight int         // calls that the server gets at once; 0 is no limit
	Idle        time.Duration
	Probe       bool // ask the server for each session that has been idle for so long, once
	Guard       Guard
	Process     *Process // the server's process, or nil
	OnChange    func(u snapshot.Upstream, lasted time.Duration)
}

// Proxy is what stands before a server: it answers for itself at
// /debug/snapshot, /metrics and /health, and passes on everything else.
type Proxy struct {
	cfg     Config
	ledger  *Ledger
	forward *forwarder // nil where the server is on stdio
	metrics http.Handler
	lingers time.Duration
}

// New returns a Proxy.
func New(cfg Config) *Proxy {
	p := &Proxy{cfg: cfg, ledger: NewLedger(), lingers: lingers}
	p.ledger.orphans.idle = cfg.Idle
	if cfg.Probe && cfg.Idle > 0 {
		p.ledger.orphans.probes = &Probes{}
	}
	p.ledger.onChange = cfg.OnChange
	p.ledger.upstream.To = cfg.Name
	if cfg.To != nil {
		p.forward = newForwarder(&cfg, p.ledger)
	}
	p.ledger.meter.registry.MustRegister(p)
	p.metrics = promhttp.HandlerFor(p.ledger.meter.registry, promhttp.HandlerOpts{})
	return p
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := p.cfg.Guard.refusal(r); why != "" {
		http.Error(w, why, http.StatusForbidden)
		return
	}
	switch r.URL.Path {
	case "/debug/snapshot":
		p.own(w, r, p.serveSnapshot)
	case "/metrics":
		p.own(w, r, p.metrics.ServeHTTP)
	case "/health":
		p.own(w, r, p.serveHealth)
	default:
		if p.forward == nil {
			http.Error(w, "the server behind this proxy speaks MCP on standard input and output; here are /debug/snapshot, /metrics and /health", http.StatusNotFound)
			return
		}
		p.forward.ServeHTTP(w, r)
	}
}

// own answers a request that is not for the server. There is nothing to change here.
func (p *Proxy) own(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
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
	_ = enc.Encode(p.Snapshot()) // a reader that went away is no concern of ours
}

// serveHealth says how the proxy is: it is well while it answers. Whether the
// server is, is the server's to say, and the document's.
func (p *Proxy) serveHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "ok", "upstreamFailing": p.ledger.failing.Load()})
}

// Snapshot is what /debug/snapshot answers.
func (p *Proxy) Snapshot() *Document {
	now := time.Now()
	d := p.ledger.Snapshot(now)
	d.Proxy.PID, d.Proxy.Transport = os.Getpid(), "http"
	if p.forward == nil {
		d.Proxy.Transport = "stdio"
	}
	if p.cfg.Process != nil {
		p.cfg.Process.fill(d, now)
	}
	return d
}

// idleConn is how long a client's connection may be idle, as nginx has it; its session stays.
const idleConn = 75 * time.Second

// Serve serves on l until ctx ends.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go tidy(ctx)
	if p.forward != nil {
		go p.forward.knock(ctx)
	}
	if p.forward != nil && p.ledger.orphans.probes != nil {
		go p.forward.probeOrphans(ctx)
	}
	lot := newLot(l, idleConn)
	srv := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: p.lingers, ConnState: noteIdle, ErrorLog: quiet}
	stop := context.AfterFunc(ctx, func() {
		short, done := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer done()
		_ = srv.Shutdown(short) // event streams that clients hold open would delay it for ever
		_ = srv.Close()
	})
	defer stop()
	defer lot.shut()
	if err := srv.Serve(lot); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
