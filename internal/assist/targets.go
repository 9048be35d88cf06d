package assist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/poll"
)

// targets decides which servers may be talked to: those on loopback, and those that were
// named at the start.
type targets struct {
	allowed []allowed
	cfg     client.Config
}

// allowed is a server that was named at the start.
type allowed struct {
	url   *url.URL
	first client.Allow // public addresses, and those of the start
}

func newTargets(ctx context.Context, cfg Config) targets {
	t := targets{cfg: cfg.Client}
	for _, u := range cfg.Allow {
		t.allowed = append(t.allowed, allowed{u, client.PublicOnly(ctx, u)})
	}
	return t
}

// target is a server that a tool may talk to.
type target struct {
	url    *url.URL
	client *client.Client
	named  bool // at the start: it gets the credentials
}

// open returns the server at an address, whose path is path if it has none.
func (t *targets) open(ctx context.Context, address, path string) (*target, error) {
	if address == "" {
		return nil, fmt.Errorf("target is missing: name an address such as http://localhost:3100%s", path)
	}
	u, err := client.ParseTarget(address, path)
	if err != nil {
		return nil, err
	}
	if u.User != nil || len(client.SecretsIn(u)) > 0 {
		return nil, errors.New("the address holds a credential: credentials are never arguments; start mcpdiag mcp with MCPDIAG_TOKEN or --token-file, and --allow URL")
	}
	if path == snapshotPath {
		u = poll.BesideMCP(u, path)
	}
	cfg := t.cfg
	cfg.Timeout, cfg.Secrets = targetTime, client.SecretsOf(t.cfg.Header)
	named := slices.ContainsFunc(t.allowed, func(a allowed) bool { return client.SameOrigin(a.url, u) })
	switch {
	case named:
		cfg.Allow = t.namedOnly(ctx)
		for _, a := range t.allowed {
			cfg.Origins = append(cfg.Origins, a.url)
		}
	case client.IsLoopback(u.Hostname()):
		cfg.Header, cfg.Cert, cfg.Key = nil, "", ""
		cfg.Allow = loopbackOnly(client.Port(u))
	default:
		return nil, fmt.Errorf("%s is neither on this machine nor named with --allow when mcpdiag mcp was started", u.Host)
	}
	c, err := client.New(cfg)
	return &target{url: u, client: c, named: named}, err
}

// close ends the idle connections to the target.
func (t *target) close() { t.client.HTTP().CloseIdleConnections() }

// loopbackOnly permits one port of this machine, whatever its name resolves to.
func loopbackOnly(port string) client.Allow {
	return func(to netip.AddrPort) error {
		if !to.Addr().Unmap().IsLoopback() || strconv.Itoa(int(to.Port())) != port {
			return &client.RefusedAddressError{Addr: to, Why: "is not the server on this machine that was named"}
		}
		return nil
	}
}

// namedOnly permits the addresses that the names of the allowed servers have now, unless
// one has moved into an internal network since the start.
func (t *targets) namedOnly(ctx context.Context) client.Allow {
	now := make([][]netip.Addr, len(t.allowed))
	for i, a := range t.allowed {
		now[i], _ = net.DefaultResolver.LookupNetIP(ctx, "ip", a.url.Hostname()) // an unknown host has none
	}
	return func(to netip.AddrPort) error {
		for i, a := range t.allowed {
			has := slices.ContainsFunc(now[i], func(addr netip.Addr) bool { return addr.Unmap() == to.Addr().Unmap() })
			if has && strconv.Itoa(int(to.Port())) == client.Port(a.url) && a.first(to) == nil {
				return nil
			}
		}
		return &client.RefusedAddressError{Addr: to, Why: "is not an address of a server that was named with --allow"}
	}
}
