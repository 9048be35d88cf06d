// Package demo is an MCP server with a snapshot endpoint and switchable faults:
// the server of "mcpdiag demo", and the fixture of the tests.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
)

// Config selects the faults. The zero value is a healthy server.
type Config struct {
	LeakSession    int64         // bytes retained of a session in which a call failed
	LeakCall       int64         // bytes retained of every call
	LeakAbandoned  bool          // an expired session leaves the registry, its transport stays
	SlowQueue      bool          // search does one call at a time
	Workers        int           // concurrent calls of a tool; 0 is 64
	ServiceTime    time.Duration // of each call of search; 0 is 5 to 15 ms
	SessionTimeout time.Duration // idle time until a session expires; 0 is 30 s
	JSON           bool          // answer as application/json instead of text/event-stream
	Faults         []string      // names of Faults that are switched on
}

// modern is the protocol revision without sessions.
const modern = "2026-07-28"

// Server is the demo server.
type Server struct {
	cfg      Config
	calls    *tracker
	sessions *registry
	started  time.Time
}

// New returns a Server.
func New(cfg Config) *Server {
	if cfg.SessionTimeout <= 0 {
		cfg.SessionTimeout = 30 * time.Second
	}
	if cfg.Workers <= 0 {
		cfg.Workers = defaultWorkers
	}
	leaks := &hoard{}
	return &Server{
		cfg:      cfg,
		calls:    newTracker(cfg, leaks),
		sessions: newRegistry(cfg, leaks),
		started:  time.Now(),
	}
}

// Handler serves /mcp, /debug/snapshot and /health.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/mcp", s.mcp())
	mux.HandleFunc("GET /debug/snapshot", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Snapshot()) })
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]string{"status": "ok"}) })
	g := &guard.Guard{Private: true}
	if s.cfg.has(noOriginCheck) {
		return s.cfg.spoil(unguarded(mux))
	}
	return g.Protect(s.cfg.spoil(mux))
}

// unguarded returns next behind a proxy that hides the client from it.
func unguarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.Header.Del("Origin")
		r.Host = "localhost"
		next.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have disconnected
}

// mcp serves both eras: the SDK's handler with sessions does not speak the revision without.
func (s *Server) mcp() http.Handler {
	server := s.server()
	get := func(*http.Request) *mcp.Server { return server }
	stateless := mcp.NewStreamableHTTPHandler(get, &mcp.StreamableHTTPOptions{
		JSONResponse: s.cfg.JSON, Stateless: true,
		PropagateRequestCancellation: true, // 2026-07-28 wants a call cancelled when its client closes the answer
	})
	replicas := make([]http.Handler, 1)
	if s.cfg.has(sessionLost) {
		replicas = make([]http.Handler, 2)
	}
	for i := range replicas {
		replicas[i] = mcp.NewStreamableHTTPHandler(get, &mcp.StreamableHTTPOptions{JSONResponse: s.cfg.JSON})
	}
	var next atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Protocol-Version") == modern {
			stateless.ServeHTTP(w, r)
			return
		}
		s.sessions.touch(r.Header.Get("Mcp-Session-Id"))
		replicas[int(next.Add(1))%len(replicas)].ServeHTTP(w, r)
	})
}

// server returns the server behind every transport.
func (s *Server) server() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "mcpdiag-demo", Version: "1"}, nil)
	s.addTools(server)
	server.AddReceivingMiddleware(s.sessions.watch, s.calls.watch)
	if s.cfg.has(cancelIgnored) {
		server.AddReceivingMiddleware(ignoreCancel)
	}
	if s.cfg.has(badSchema) {
		server.AddReceivingMiddleware(addBadTool)
	}
	return server
}

// ServeStdio serves over a pair of streams until the input ends.
func (s *Server) ServeStdio(ctx context.Context, in io.ReadCloser, out io.WriteCloser) error {
	if s.cfg.has(stdoutNoise) {
		if _, err := io.WriteString(out, "Server started, listening on stdio\n"); err != nil {
			return err
		}
	}
	err := s.server().Run(ctx, &mcp.IOTransport{Reader: in, Writer: out})
	if errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Serve serves on l until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.housekeep(ctx)
	context.AfterFunc(ctx, func() {
		short, done := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer done()
		_ = srv.Shutdown(short) // open event streams would delay it forever
		_ = srv.Close()
	})
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
