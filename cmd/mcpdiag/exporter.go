package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
	"github.com/mcpdiag/mcpdiag/internal/poll"
)

// export serves the snapshots of poll at /metrics until the returned function is called.
func (a *app) export(ctx context.Context, listen, announce string) (*poll.Exporter, func(), error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, nil, fmt.Errorf("listening on %s: %w; --listen 127.0.0.1:0 takes a free port", listen, bareListen(err))
	}
	at, _ := netip.ParseAddrPort(l.Addr().String()) // it is one
	guard := guard.Guard{Private: at.Addr().IsLoopback()}
	exporter := poll.NewExporter()
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", exporter)
	srv := &http.Server{Handler: guard.Protect(mux), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.warn(fmt.Sprintf("the exporter ended: %v", err))
		}
	}()
	end := func() { _ = srv.Close() }
	a.note("metrics for Prometheus at http://%s/metrics", l.Addr())
	return exporter, end, a.announceTo(announce, "http://"+l.Addr().String())
}
