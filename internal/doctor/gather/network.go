package gather

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Limits of the network probes.
const (
	connectTime  = 3 * time.Second
	maxAddresses = 8
)

// network looks the host up, connects to each of its addresses, and does a TLS
// handshake with those that answer.
func (g *gatherer) network(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, min(connectTime+time.Second, g.Deadline))
	defer cancel()
	n := &g.f.Network
	n.Host = g.Target.Hostname()
	if proxy, err := g.Client.Proxy(g.Target); err == nil && proxy != nil {
		n.Proxy = client.RedactProxy(proxy)
		return // the proxy does the rest
	}
	addresses := g.lookup(ctx)
	n.Addresses = make([]facts.Address, len(addresses))
	var wait sync.WaitGroup
	for i, addr := range addresses {
		wait.Go(func() { n.Addresses[i] = g.connect(ctx, addr) })
	}
	wait.Wait()
	if g.Target.Scheme == "https" {
		g.handshakes(ctx)
	}
}

// listener finds the process that listens on the port of a target on this machine. It sends
// the process, or nil, to the channel: on a machine with many processes the search takes
// longer than the requests.
func (g *gatherer) listener() <-chan *facts.Listener {
	found := make(chan *facts.Listener, 1)
	port, err := strconv.Atoi(client.Port(g.Target))
	if err != nil || !g.f.Loopback || !slices.ContainsFunc(g.f.Network.Addresses, func(a facts.Address) bool { return a.Outcome == facts.OutcomeOK }) {
		found <- nil
		return found
	}
	go func() {
		info, err := process.Listening(port)
		if err != nil {
			found <- nil
			return
		}
		found <- &facts.Listener{PID: info.PID, Command: report.Cell(info.Command(), 200)}
	}()
	return found
}

// reachable reports whether it makes sense to send a request.
func (g *gatherer) reachable() bool {
	n := &g.f.Network
	if n.Proxy != "" {
		return true
	}
	for _, a := range n.Addresses {
		if a.Outcome == facts.OutcomeOK {
			return len(n.TLS) == 0 || usable(n.TLS, g.f.Insecure)
		}
	}
	return false
}

// usable reports whether a handshake led to a connection that a client accepts.
func usable(list []facts.Handshake, insecure bool) bool {
	for _, h := range list {
		if h.Failed == "" && (h.Invalid == "" || insecure) {
			return true
		}
	}
	return false
}

func (g *gatherer) lookup(ctx context.Context) []netip.Addr {
	n := &g.f.Network
	if addr, err := netip.ParseAddr(n.Host); err == nil {
		n.Literal = true
		return []netip.Addr{addr}
	}
	begin := time.Now()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", n.Host)
	n.LookupMs = ms(time.Since(begin))
	if err != nil {
		n.Lookup = report.Line(err.Error())
		return nil
	}
	return found[:min(len(found), maxAddresses)]
}

// connect opens a connection to one address of the target, if the client may.
func (g *gatherer) connect(ctx context.Context, addr netip.Addr) facts.Address {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	addr = addr.Unmap()
	a := facts.Address{Address: net.JoinHostPort(addr.String(), client.Port(g.Target)), Outcome: facts.OutcomeOK, Private: addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast()}
	if to, err := netip.ParseAddrPort(a.Address); err == nil {
		if err := g.Client.Permits(to); err != nil {
			a.Outcome = report.Line(err.Error())
			return a
		}
	}
	begin := time.Now()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", a.Address)
	a.Ms = ms(time.Since(begin))
	switch {
	case err == nil:
		_ = conn.Close() // nothing was sent
	case client.IsRefused(err):
		a.Outcome = facts.OutcomeRefused
	case client.IsTimeout(err):
		a.Outcome = facts.OutcomeTimeout
	default:
		a.Outcome = report.Line(err.Error())
	}
	return a
}

// handshakes does a TLS handshake with each address that accepts connections.
func (g *gatherer) handshakes(ctx context.Context) {
	var wait sync.WaitGroup
	all := make([]facts.Handshake, len(g.f.Network.Addresses))
	for i, a := range g.f.Network.Addresses {
		if a.Outcome == facts.OutcomeOK {
			wait.Go(func() { all[i] = g.handshake(ctx, a.Address) })
		}
	}
	wait.Wait()
	for _, h := range all {
		if h.Address != "" {
			g.f.Network.TLS = append(g.f.Network.TLS, h)
		}
	}
}

// Handshake accepts any certificate, so that the rules can say why it is invalid.
func (g *gatherer) handshake(ctx context.Context, address string) facts.Handshake {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	h := facts.Handshake{Address: address}
	state, err := g.greet(ctx, address, func() { h.Asked = true }, "h2", "http/1.1")
	if err != nil {
		h.Failed = report.Line(err.Error())
		if other, ok := errors.AsType[tls.RecordHeaderError](err); ok {
			h.Spoke = report.Cell(strings.ToValidUTF8(string(other.RecordHeader[:]), "\uFFFD"), maxSpoke)
		}
		return h
	}
	h.Version, h.ALPN = tls.VersionName(state.Version), report.Line(state.NegotiatedProtocol)
	if len(state.PeerCertificates) > 0 {
		recordCertificate(&h, state.PeerCertificates, g.TLS.RootCAs, g.Target.Hostname(), g.started)
	}
	if h.ALPN == "h2" {
		_, err := g.greet(ctx, address, nil, "http/1.1")
		h.OnlyH2 = err != nil && facts.IsNoProtocol(err.Error())
	}
	return h
}

// greet does one handshake that offers these versions of HTTP. It calls asked, which may be nil,
// where the server asks for a certificate that the user gave not.
func (g *gatherer) greet(ctx context.Context, address string, asked func(), versions ...string) (tls.ConnectionState, error) {
	cfg := g.TLS.Clone()
	cfg.NextProtos = versions
	if asked != nil && len(cfg.Certificates) == 0 && cfg.GetClientCertificate == nil {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked()
			return &tls.Certificate{}, nil
		}
	}
	cfg.InsecureSkipVerify, cfg.ServerName, cfg.MinVersion = true, g.Target.Hostname(), tls.VersionTLS10 //nolint:gosec // nothing is sent on it
	conn, err := (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close() //nolint:errcheck // nothing was sent
	return conn.(*tls.Conn).ConnectionState(), nil
}

// Parts of HTTP/2: the preface of a client, and the type of the frame that answers it.
const (
	h2Preface  = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	h2Settings = 4
)

// maxSpoke is how much of a foreign protocol is kept.
const maxSpoke = 64

// otherProtocol finds the protocol of a server that does not answer over HTTP/1.1: it
// sends the preface of HTTP/2, and reads the first bytes.
func (g *gatherer) otherProtocol(ctx context.Context) {
	i := slices.IndexFunc(g.f.Network.Addresses, func(a facts.Address) bool { return a.Outcome == facts.OutcomeOK })
	if i < 0 || g.Target.Scheme != "http" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", g.f.Network.Addresses[i].Address)
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // it was read, or is abandoned
	if until, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(until) // a connection that is closed fails below
	}
	if _, err := io.WriteString(conn, h2Preface); err != nil {
		return
	}
	first := make([]byte, maxSpoke)
	n, _ := conn.Read(first) // nothing, where it fails
	first = first[:n]
	if n == 0 {
		_, err := g.greet(ctx, g.f.Network.Addresses[i].Address, nil, "http/1.1")
		g.f.Network.OnlyTLS = err == nil
	}
	if g.f.Network.PlainH2 = n > h2Settings && first[0] == 0 && first[3] == h2Settings; !g.f.Network.PlainH2 {
		g.f.Network.Spoke = report.Cell(strings.ToValidUTF8(string(first), "\uFFFD"), maxSpoke)
	}
}

// recordCertificate records the certificate and why a client would not accept it.
func recordCertificate(h *facts.Handshake, chain []*x509.Certificate, roots *x509.CertPool, host string, now time.Time) {
	leaf := chain[0]
	h.Subject, h.Issuer = report.Line(leaf.Subject.String()), report.Line(leaf.Issuer.String())
	h.NotBefore, h.NotAfter = leaf.NotBefore.UTC(), leaf.NotAfter.UTC()
	for _, name := range leaf.DNSNames[:min(len(leaf.DNSNames), 10)] {
		h.Names = append(h.Names, report.Line(name))
	}
	for _, ip := range leaf.IPAddresses[:min(len(leaf.IPAddresses), 10)] {
		h.Names = append(h.Names, ip.String())
	}
	sum := sha256.Sum256(leaf.Raw)
	h.Fingerprint = hex.EncodeToString(sum[:])
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: host, CurrentTime: now}); err != nil {
		h.Invalid, h.Kind = report.Line(err.Error()), invalidKind(err, chain)
	}
}

func invalidKind(err error, chain []*x509.Certificate) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		return facts.KindName
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return facts.KindExpired
	case errors.As(err, &unknown) && len(chain) == 1 && chain[0].Issuer.String() != chain[0].Subject.String():
		return facts.KindChain
	case errors.As(err, &unknown):
		return facts.KindAuthority
	}
	return "other"
}
