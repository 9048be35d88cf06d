package doctor

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"
)

func networkRules() []rule {
	return []rule{
		{id: "network.url", title: "the address is usable and keeps secrets safe", judge: judgeURL, reference: "MCP authorization: access token usage"},
		{id: "network.proxy", title: "an HTTP proxy of the environment is in use", judge: judgeProxy},
		{id: "network.dns", title: "the host has addresses that clients can use", shows: true, fails: true, judge: judgeDNS},
		{id: "network.tcp", title: "each address accepts connections", shows: true, needs: []string{"network.dns"}, fails: true, judge: judgeTCP},
		{id: "network.listener", title: "the process that listens on this machine", needs: []string{"network.tcp"}, judge: judgeListener},
		{id: "network.tls", title: "the certificate and the TLS version are accepted", shows: true, needs: []string{"network.tcp"}, fails: true, judge: judgeTLS},
		{id: "network.cert_days", title: "the certificate is valid for long enough", shows: true, needs: []string{"network.tls"}, judge: judgeCertDays},
		{id: "network.alpn", title: "the version of HTTP that TLS agrees on", needs: []string{"network.tls"}, fails: true, judge: judgeALPN, reference: "RFC 7301"},
		{id: "network.path", title: "the proxies on the way that name themselves", shows: true, needs: []string{"network.tls"}, judge: judgePathTaken},
		{id: "network.clock", title: "the clock of the server is right", needs: []string{"network.tls"}, judge: judgeClock},
	}
}

func judgeURL(f *Facts) opinion {
	u, err := url.Parse(f.Target)
	switch {
	case err != nil || u.Host == "":
		return warn("%s is not an address", f.Target).fix("write http://host:port/path")
	case u.Scheme == "http" && f.Credentials && !f.Loopback:
		return warn("credentials are sent over http, where everyone on the way can read them").fix("use https")
	case f.SecretQuery:
		return warn("the address itself holds a credential, which logs and proxies keep").fix("send it in a header: --token-file")
	}
	return pass("%s", f.Target)
}

func judgeProxy(f *Facts) opinion {
	switch {
	case f.Network.Proxy == "":
		return pass("none")
	case f.Loopback:
		return warn("requests to this machine go through the proxy %s", f.Network.Proxy).fix("set NO_PROXY=localhost,127.0.0.1,::1")
	}
	return info("requests go through %s: names and addresses are its concern", f.Network.Proxy)
}

func judgeDNS(f *Facts) opinion {
	n := f.Network
	switch {
	case n.Proxy != "":
		return skip("the proxy looks the host up")
	case n.Literal:
		return pass("%s is an address", n.Host)
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
		return warn("%d of %d addresses private: hosted clients refuse such a name", private, len(n.Addresses)).fix("every address must be public").noted(n.list()...)
	case ipv4 == 0 && private == 0:
		return warn("the host has no IPv4 address: hosted clients may not reach it").fix("add an A record").noted(n.list()...)
	}
	return pass("lookup gives %s in %.0f ms", counted(len(n.Addresses), "address", "addresses"), n.LookupMs).noted(n.list()...)
}

// list returns the addresses with the outcome of connecting.
func (n Network) list() []string {
	var lines []string
	for _, a := range n.Addresses {
		lines = append(lines, fmt.Sprintf("%s: %s after %.0f ms", a.Address, a.Outcome, a.Ms))
	}
	return lines
}

func judgeTCP(f *Facts) opinion {
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
	case counts[outcomeOK] == all && all > 0:
		return pass("%s in %.0f ms", counted(all, "address connects", "addresses connect"), n.Addresses[0].Ms)
	case counts[outcomeOK] > 0 && f.Loopback:
		return pass("the server listens on one of %d addresses of localhost", all).noted(n.list()...)
	case counts[outcomeOK] > 0:
		return warn("no connection to %d of %d addresses", all-counts[outcomeOK], all).
			fix("let the server listen on all of them, or remove the record: clients that try the wrong one first wait or fail").noted(n.list()...)
	case counts[outcomeRefused] == all:
		return fail("connection refused: nothing listens there").
			fix("start the server; in a container it must listen on 0.0.0.0, not on 127.0.0.1").noted(n.list()...)
	case counts[outcomeTimeout] > 0:
		return fail("no answer to the connection attempt").fix("a firewall drops packets, or the host is down").noted(n.list()...)
	}
	return fail("no address accepts a connection").fix("check the network between here and the server").noted(n.list()...)
}

func judgeTLS(f *Facts) opinion {
	if !f.https() {
		return skip("the address is http")
	}
	if f.Network.Proxy != "" {
		return skip("the proxy connects")
	}
	for _, h := range f.Network.TLS {
		if o, bad := h.judge(f.Insecure); bad {
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

// judge judges one handshake. It reports false where nothing is wrong.
func (h Handshake) judge(insecure bool) (opinion, bool) {
	grade := fail
	if insecure {
		grade = warn
	}
	seen := []string{h.Address + ": " + h.Subject, "issued by " + h.Issuer, "for " + strings.Join(h.Names, ", "), "valid until " + h.NotAfter.Format(time.DateOnly)}
	switch {
	case isNoProtocol(h.Failed): // network.alpn says so
		return opinion{}, false
	case h.Failed != "" && protocolOf(h.Spoke) != "":
		return fail("%s listens on this port, which speaks no TLS", protocolOf(h.Spoke)).fix("check the port: that of the MCP server is another one").noted(h.Address + ": it says " + h.Spoke), true
	case strings.Contains(h.Failed, "first record does not look like a TLS handshake") && strings.HasPrefix(h.Spoke, "HTTP/"):
		return fail("the server speaks http on this port, not TLS").fix("use http:// in the address, or turn TLS on at the server").noted(h.Address + ": " + h.Failed), true
	case strings.Contains(h.Failed, "first record does not look like a TLS handshake"):
		return fail("what listens on this port speaks no TLS").fix("check the port and the scheme of the address").noted(h.Address + ": " + h.Failed), true
	case strings.HasSuffix(h.Failed, "EOF"), strings.Contains(h.Failed, "deadline exceeded"), strings.Contains(h.Failed, "connection reset"):
		return fail("the TLS handshake has no answer: perhaps what listens speaks no TLS").fix("check the port and the scheme of the address, then the TLS settings of the server").noted(h.Address + ": " + h.Failed), true
	case h.Failed != "":
		return fail("the TLS handshake fails").fix("check the TLS settings of the server").noted(h.Address + ": " + h.Failed), true
	case h.Kind == kindExpired:
		return grade("the certificate has expired or is not valid yet").fix("renew it; check the job that should have").noted(seen...), true
	case h.Kind == kindName:
		return grade("the certificate is for another name").fix("use a name in the certificate, or issue one for this name").noted(seen...), true
	case h.Kind == kindChain:
		return grade("the server sends its certificate without the intermediate one").fix("send the full chain (fullchain.pem): browsers hide this fault, MCP clients do not").noted(seen...), true
	case h.Kind == kindAuthority:
		return grade("the certificate is signed by an unknown authority").fix("trust it with --cacert FILE; for Node clients with NODE_EXTRA_CA_CERTS").noted(seen...), true
	case h.Invalid != "":
		return grade("the certificate is invalid").fix("issue a new one").noted(append(seen, h.Invalid)...), true
	case h.Version == "TLS 1.0", h.Version == "TLS 1.1":
		return fail("the server offers only %s, which clients refuse", h.Version).fix("turn TLS 1.2 and 1.3 on").noted(h.Address), true
	}
	return opinion{}, false
}

// Thresholds for the validity that is left: 30 days are too many for certificates
// of 47 days.
const (
	fewDays  = 14 * 24 * time.Hour
	fewParts = 3
)

func judgeCertDays(f *Facts) opinion {
	if len(f.Network.TLS) == 0 {
		return skip("no certificate was seen")
	}
	h := f.Network.TLS[0]
	left, life := h.NotAfter.Sub(f.At), h.NotAfter.Sub(h.NotBefore)
	days := func(d time.Duration) int { return int(d.Hours() / 24) }
	if left < fewDays || left < life/fewParts {
		return warn("the certificate ends in %d of %d days", days(left), days(life)).fix("renew it; check the job that does").noted(h.Address + ": valid until " + h.NotAfter.Format(time.RFC3339))
	}
	return pass("certificate valid for %d of %d days", days(left), days(life))
}

// clockError is how far a clock may be off, besides the time of the exchange.
const clockError = 30 * time.Second

func judgeClock(f *Facts) opinion {
	x := f.entry()
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
