package rules

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

func networkRules() []Rule {
	return []Rule{
		{ID: "network.url", Title: "the address is usable and keeps secrets safe", judge: judgeURL, Reference: "MCP authorization: access token usage"},
		{ID: "network.proxy", Title: "an HTTP proxy of the environment is in use", judge: judgeProxy},
		{ID: "network.dns", Title: "the host has addresses that clients can use", shows: true, Fails: true, judge: judgeDNS},
		{ID: "network.tcp", Title: "each address accepts connections", shows: true, Needs: []string{"network.dns"}, Fails: true, judge: judgeTCP},
		{ID: "network.listener", Title: "the process that listens on this machine", Needs: []string{"network.tcp"}, judge: JudgeListener},
		{ID: "network.tls", Title: "the certificate and the TLS version are accepted", shows: true, Needs: []string{"network.tcp"}, Fails: true, judge: judgeTLS},
		{ID: "network.cert_days", Title: "the certificate is valid for long enough", shows: true, Needs: []string{"network.tls"}, judge: judgeCertDays},
		{ID: "network.alpn", Title: "the version of HTTP that TLS agrees on", Needs: []string{"network.tls"}, Fails: true, judge: judgeALPN, Reference: "RFC 7301"},
		{ID: "network.path", Title: "the proxies on the way that name themselves", shows: true, Needs: []string{"network.tls"}, judge: judgePathTaken},
		{ID: "network.clock", Title: "the clock of the server is right", Needs: []string{"network.tls"}, judge: judgeClock},
	}
}

func judgeURL(f *facts.Facts) opinion {
	u, err := url.Parse(f.Target)
	switch {
	case err != nil || u.Host == "":
		return warn("%s is not an address", f.Target).fix("write http://host:port/path")
	case u.Scheme == "http" && f.Credentials && !f.Loopback:
		return warn("credentials are sent over http, where everyone on the way can read them").fix("use https")
	case f.SecretQuery:
		return warn("the address itself holds a credential, which logs and proxies keep").fix("send it in a header").fixFlag("--token-file")
	}
	return pass("%s", f.Target)
}

func judgeProxy(f *facts.Facts) opinion {
	switch {
	case f.Network.Proxy == "":
		return pass("none")
	case f.Loopback:
		return warn("requests to this machine go through the proxy %s", f.Network.Proxy).fix("set NO_PROXY=localhost,127.0.0.1,::1")
	}
	return info("requests go through %s: names and addresses are its concern", f.Network.Proxy)
}

func judgeDNS(f *facts.Facts) opinion {
	n := f.Network
	switch {
	case n.Proxy != "":
		return skip("the proxy looks the host up")
	case n.Literal:
		return pass("%s is an address", n.Host)
	case n.Lookup != "" && !strings.Contains(n.Lookup, "no such host"):
		return fail("the host %s cannot be looked up: the name servers give no answer", n.Host).fix("check the name servers of this machine, and whether it has a network").noted(n.Lookup)
	case n.Lookup != "" || len(n.Addresses) == 0:
		return fail("there is no host %s", n.Host).fix("check the name, and whether this machine can look names up").noted(n.Lookup)
	case n.LookupMs > 1000:
		return warn("looking the host up took %.1f s", n.LookupMs/1000).fix("each new client waits as long; check the name servers")
	}
	private, ipv4 := 0, 0
	for _, a := range n.Addresses {
		if a.Private {
			private++
		}
		if !strings.HasPrefix(a.Address, "[") {
			ipv4++
		}
	}
	switch {
	case private > 0 && private < len(n.Addresses):
		return warn("%d of %d addresses private: hosted clients refuse such a name", private, len(n.Addresses)).fix("every address must be public").noted(attempts(n)...)
	case ipv4 == 0 && private == 0:
		return warn("the host has no IPv4 address: hosted clients may not reach it").fix("add an A record").noted(attempts(n)...)
	}
	return pass("lookup gives %s in %.0f ms", Counted(len(n.Addresses), "address", "addresses"), n.LookupMs).noted(attempts(n)...)
}

// attempts returns the addresses with the outcome of connecting.
func attempts(n facts.Network) []string {
	var lines []string
	for _, a := range n.Addresses {
		lines = append(lines, fmt.Sprintf("%s: %s after %.0f ms", a.Address, a.Outcome, a.Ms))
	}
	return lines
}

func judgeTCP(f *facts.Facts) opinion {
	n := f.Network
	if n.Proxy != "" {
		return skip("the proxy connects")
	}
	counts := map[string]int{}
	for _, a := range n.Addresses {
		counts[a.Outcome]++
	}
	all := len(n.Addresses)
	switch {
	case counts[facts.OutcomeOK] == all && all > 0:
		return pass("%s in %.0f ms", Counted(all, "address connects", "addresses connect"), n.Addresses[0].Ms)
	case counts[facts.OutcomeOK] > 0 && f.Loopback:
		return pass("the server listens on one of %d addresses of localhost", all).noted(attempts(n)...)
	case counts[facts.OutcomeOK] > 0:
		return warn("no connection to %d of %d addresses", all-counts[facts.OutcomeOK], all).
			fix("let the server listen on all of them, or remove the record: clients that try the wrong one first wait or fail").noted(attempts(n)...)
	case counts[facts.OutcomeRefused] == all:
		return fail("connection refused: nothing listens there").
			fix("start the server; in a container it must listen on 0.0.0.0, not on 127.0.0.1").noted(attempts(n)...)
	case counts[facts.OutcomeTimeout] > 0:
		return fail("no answer to the connection attempt").fix("a firewall drops packets, or the host is down").noted(attempts(n)...)
	}
	return fail("no address accepts a connection").fix("check the network between here and the server").noted(attempts(n)...)
}

func judgeTLS(f *facts.Facts) opinion {
	if !f.HTTPS() {
		return skip("the address is http")
	}
	if f.Network.Proxy != "" {
		return skip("the proxy connects")
	}
	for _, h := range f.Network.TLS {
		if o, bad := judgeHandshake(h, f); bad {
			return o
		}
	}
	if len(f.Network.TLS) == 0 {
		return skip("no handshake was done")
	}
	first := f.Network.TLS[0]
	for _, h := range f.Network.TLS {
		if h.Fingerprint != first.Fingerprint {
			return warn("the addresses have different certificates").fix("renew all of them").noted(first.Address+": "+first.Subject, h.Address+": "+h.Subject)
		}
	}
	return pass("%s, issued by %s", first.Version, first.Issuer)
}

// judgeHandshake judges one handshake. It reports false where nothing is wrong.
func judgeHandshake(h facts.Handshake, f *facts.Facts) (opinion, bool) {
	grade := fail
	if f.Insecure {
		grade = warn
	}
	seen := []string{h.Address + ": " + h.Subject, "issued by " + h.Issuer, "for " + strings.Join(h.Names, ", "), "valid until " + h.NotAfter.Format(time.DateOnly)}
	switch {
	case facts.IsNoProtocol(h.Failed): // network.alpn says so
		return opinion{}, false
	case h.Failed != "" && h.Asked:
		return fail("the server wants a certificate of the client").fix("give it one").fixFlag("--cert, --key").noted(h.Address + ": " + h.Failed), true
	case h.Failed != "" && facts.ProtocolOf(h.Spoke) != "":
		return fail("%s listens on this port, which speaks no TLS", facts.ProtocolOf(h.Spoke)).fix("check the port: that of the MCP server is another one").noted(h.Address + ": it says " + h.Spoke), true
	case strings.Contains(h.Failed, "first record does not look like a TLS handshake") && strings.HasPrefix(h.Spoke, "HTTP/"):
		return fail("the server speaks http on this port, not TLS").fix("use http:// in the address, or turn TLS on at the server").noted(h.Address + ": " + h.Failed), true
	case strings.Contains(h.Failed, "first record does not look like a TLS handshake"):
		return fail("what listens on this port speaks no TLS").fix("check the port and the scheme of the address").noted(h.Address + ": " + h.Failed), true
	case strings.HasSuffix(h.Failed, "EOF"), strings.Contains(h.Failed, "deadline exceeded"), strings.Contains(h.Failed, "connection reset"):
		return fail("the TLS handshake has no answer: perhaps what listens speaks no TLS").fix("check the port and the scheme of the address, then the TLS settings of the server").noted(h.Address + ": " + h.Failed), true
	case h.Failed != "":
		return fail("the TLS handshake fails").fix("check the TLS settings of the server").noted(h.Address + ": " + h.Failed), true
	case h.Kind == facts.KindExpired && f.At.Before(h.NotBefore):
		return grade("the certificate is not valid before %s", h.NotBefore.Format(time.DateTime)).fix("wait until then, or correct the clock of this machine or of the one that issued it").noted(seen...), true
	case h.Kind == facts.KindExpired:
		return grade("the certificate has expired").fix("renew it; check the job that should have").noted(seen...), true
	case h.Kind == facts.KindName && len(h.Names) == 0:
		return grade("the certificate names no host where clients look (subjectAltName)").fix("issue one with this name as subjectAltName: the common name in the subject counts no longer").noted(seen...), true
	case h.Kind == facts.KindName:
		return grade("the certificate is for another name").fix("use a name in the certificate, or issue one for this name").noted(seen...), true
	case h.Kind == facts.KindChain:
		return grade("the server sends its certificate without the intermediate one").fix("send the full chain (fullchain.pem): browsers hide this fault, MCP clients do not").noted(seen...), true
	case h.Kind == facts.KindAuthority:
		return grade("the certificate is signed by an unknown authority").fix("let clients trust it: those in Node by NODE_EXTRA_CA_CERTS, mcpdiag by a file").fixFlag("--cacert").noted(seen...), true
	case h.Invalid != "":
		return grade("the certificate is invalid").fix("issue a new one").noted(append(seen, h.Invalid)...), true
	case h.Version == "TLS 1.0", h.Version == "TLS 1.1":
		return fail("the server offers only %s, which clients refuse", h.Version).fix("turn TLS 1.2 and 1.3 on").noted(h.Address), true
	}
	return opinion{}, false
}

// Thresholds for the validity that is left. Jobs renew certificates of 90 days 30 days before
// their end, those of a year 60 days, and those of 47 days or less when a third is left.
const (
	fewDays  = 21 * 24 * time.Hour
	fewParts = 3
)

func judgeCertDays(f *facts.Facts) opinion {
	if len(f.Network.TLS) == 0 {
		return skip("no certificate was seen")
	}
	h := f.Network.TLS[0]
	left, life := h.NotAfter.Sub(f.At), h.NotAfter.Sub(h.NotBefore)
	days := func(d time.Duration) int { return int(d.Hours() / 24) }
	if left < min(fewDays, life/fewParts) {
		return warn("the certificate ends in %d of %d days", days(left), days(life)).fix("renew it; check the job that does").noted(h.Address + ": valid until " + h.NotAfter.Format(time.RFC3339))
	}
	return pass("certificate valid for %d of %d days", days(left), days(life))
}

// clockError is how far a clock may be off, besides the time of the exchange.
const clockError = 30 * time.Second

func judgeClock(f *facts.Facts) opinion {
	x := f.Entry()
	date, err := http.ParseTime(x.Header.Get("Date"))
	if err != nil {
		return skip("the server sends no Date")
	}
	off := date.Sub(x.At.Add(time.Duration(x.Timing.FirstByte/2) * time.Millisecond))
	allowed := clockError + time.Duration(min(max(x.Timing.FirstByte, 0), 1e6))*time.Millisecond/2
	if off.Abs() > allowed {
		way := "ahead of"
		if off < 0 {
			way = "behind"
		}
		return warn("the clock of the server is %s %s this one", time.Duration(math.Abs(float64(off))).Round(time.Second), way).
			fix("use NTP on both: tokens look expired or not yet valid").noted("Date: " + x.Header.Get("Date"))
	}
	return pass("within %s", allowed.Round(time.Second))
}
