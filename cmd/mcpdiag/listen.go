package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
	"github.com/mcpdiag/mcpdiag/internal/poll"
)

// listen listens at the address of --listen.
func (a *app) listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err == nil {
		return l, nil
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // without its repeated prefix
	}
	return nil, fmt.Errorf("listening on %s: %w%s; --listen 127.0.0.1:0 takes a free port", address, err, a.holderOf(address))
}

// holderOf names the proxy that has the port of an address, if one has it.
func (a *app) holderOf(address string) string {
	running, _ := a.proxies() // without the list nobody is named
	_, port, _ := net.SplitHostPort(address)
	for _, e := range running {
		if strings.HasSuffix(e.URL, ":"+port) {
			return fmt.Sprintf(": the proxy before %s has it, pid %d", e.Server(), e.ID.PID)
		}
	}
	return ""
}

// announceTo writes the URL of a listener and our PID to path, if there is one.
func (a *app) announceTo(path, url string) error {
	if path == "" {
		return nil
	}
	return a.writeFile(path, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n%d\n", url, os.Getpid())
		return err
	})
}

// export serves the snapshots of poll at /metrics until the returned function is called.
func (a *app) export(ctx context.Context, listen, announce string) (*poll.Exporter, func(), error) {
	l, err := a.listen(ctx, listen)
	if err != nil {
		return nil, nil, err
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
