package client

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"syscall"
)

// Allow decides whether a connection to an address may be opened. It sees the
// address itself, after the lookup of its name, so that a name cannot hide one.
type Allow func(netip.AddrPort) error

// both permits the addresses that a and b permit; either may be nil.
func both(a, b Allow) Allow {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	return func(to netip.AddrPort) error {
		if err := a(to); err != nil {
			return err
		}
		return b(to)
	}
}

// RefusedAddressError says that an address was not connected to.
type RefusedAddressError struct {
	Addr netip.AddrPort
	Why  string // "" for an internal address that a server named
}

func (e *RefusedAddressError) Error() string {
	return fmt.Sprintf("%s %s; it is not connected to", e.Addr, cmp.Or(e.Why, "is an internal address that the server named"))
}

// PublicOnly allows public addresses, and those of target itself: an address that a
// server names must not lead into the network of the user.
func PublicOnly(ctx context.Context, target *url.URL) Allow {
	own, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", target.Hostname()) // an unknown host has none
	return func(to netip.AddrPort) error {
		addr := to.Addr().Unmap()
		for _, a := range own {
			if a.Unmap() == addr {
				return nil
			}
		}
		if isInternal(addr) {
			return &RefusedAddressError{Addr: to}
		}
		return nil
	}
}

// isInternal reports whether addr is not on the public network.
func isInternal(addr netip.Addr) bool {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return true
	}
	for _, reserved := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "64:ff9b::/96", "2002::/16"} {
		if netip.MustParsePrefix(reserved).Contains(addr) {
			return true
		}
	}
	return false
}

// dialer returns a dialer that asks allow, unless it is nil.
func dialer(allow Allow) *net.Dialer {
	if allow == nil {
		return &net.Dialer{}
	}
	return &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("checking address %s: %w", address, err)
		}
		return allow(to)
	}}
}
