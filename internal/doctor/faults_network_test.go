package doctor

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// speaking starts a healthy server that speaks these versions of HTTP only.
func speaking(t *testing.T, secure bool, protocols http.Protocols) string {
	t.Helper()
	s := httptest.NewUnstartedServer(healthy())
	s.Config.Protocols = &protocols
	if secure {
		s.EnableHTTP2 = protocols.HTTP2()
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.URL + "/mcp"
}

// protocols returns a set of versions of HTTP.
func protocols(set ...func(*http.Protocols, bool)) (p http.Protocols) {
	for _, one := range set {
		one(&p, true)
	}
	return p
}

// TestVersionsOfHTTP has servers that TLS, or the lack of it, keeps from clients, and
// their healthy twins.
func TestVersionsOfHTTP(t *testing.T) {
	t.Parallel()
	h1, h2, plain := (*http.Protocols).SetHTTP1, (*http.Protocols).SetHTTP2, (*http.Protocols).SetUnencryptedHTTP2
	for name, tc := range map[string]struct {
		target func(t *testing.T) string
		want   string // of network.alpn
		fails  bool
	}{
		"HTTP/2 without TLS":       {func(t *testing.T) string { return speaking(t, false, protocols(plain)) }, "only HTTP/2 on this port, without TLS", true},
		"both without TLS":         {func(t *testing.T) string { return speaking(t, false, protocols(plain, h1)) }, "no TLS handshake was done", false},
		"HTTP/2 with TLS":          {onlyH2, "the server speaks only HTTP/2: clients", true},
		"both with TLS":            {func(t *testing.T) string { return speaking(t, true, protocols(h1, h2)) }, "h2", false},
		"HTTP/1.1 with TLS":        {func(t *testing.T) string { return speaking(t, true, protocols(h1)) }, "http/1.1", false},
		"another protocol, in TLS": {anotherProtocol, "neither h2 nor http/1.1", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Judge(trusting(t, tc.target(t)), Judgement{})
			want := []string{}
			if tc.fails {
				want = []string{"network.alpn"}
			}
			i := slices.IndexFunc(r.Checks, func(c rules.Check) bool { return c.ID == "network.alpn" })
			if !slices.Equal(r.RootCauses, want) || !strings.Contains(r.Checks[i].Summary, tc.want) {
				t.Errorf("root causes %q, %q\n%s", r.RootCauses, r.Checks[i].Summary, shown(r))
			}
		})
	}
}

// anotherProtocol starts a server for TLS that knows no version of HTTP.
func anotherProtocol(t *testing.T) string {
	t.Helper()
	return choosy(t, func(*tls.ClientHelloInfo) bool { return false })
}

// onlyH2 starts a server that refuses clients which do not offer HTTP/2.
func onlyH2(t *testing.T) string {
	t.Helper()
	return choosy(t, func(hello *tls.ClientHelloInfo) bool { return slices.Contains(hello.SupportedProtos, "h2") })
}

// choosy starts a server of HTTP/2 for the clients that accepts admits; for others it
// knows no version of HTTP.
func choosy(t *testing.T, accepts func(*tls.ClientHelloInfo) bool) string {
	t.Helper()
	s := httptest.NewUnstartedServer(healthy())
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		cfg := s.TLS.Clone()
		cfg.GetConfigForClient = nil
		if cfg.NextProtos = []string{"h2"}; !accepts(hello) {
			cfg.NextProtos = []string{"mqtt"}
		}
		return cfg, nil
	}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL + "/mcp"
}

// trusting examines a server whose certificate is that of httptest.
func trusting(t *testing.T, target string) *facts.Facts {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	cfg := client.Config{Timeout: gather.DefaultDeadline, Origins: []*url.URL{u}, CACert: writeCertificate(t, t.TempDir())}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.HTTP().CloseIdleConnections)
	settings, err := client.TLS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	settings.MinVersion = tls.VersionTLS12
	return gather.Server(t.Context(), gather.Options{Target: u, Client: c, TLS: settings, Hold: holdOfTests})
}

// TestListener names the process that listens on this machine, and none elsewhere.
func TestListener(t *testing.T) {
	t.Parallel()
	f := examine(t, served(t, nil), "")
	if l := f.Network.Listener; l == nil || l.PID != os.Getpid() {
		t.Errorf("the listener is %+v, want the process %d", l, os.Getpid())
	}
	if o := rules.JudgeListener(f); o.Severity != finding.Info || !strings.Contains(o.Summary, "listens: ") {
		t.Errorf("%+v", o)
	}
	if f = examine(t, exposed(t, ownHost(func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) })), ""); f.Network.Listener != nil || rules.JudgeListener(f).Severity != finding.Skip {
		t.Errorf("the listener of a server elsewhere: %+v", f.Network.Listener)
	}
}

// exposed starts a healthy server behind m on an address of this machine that others
// reach, and returns its address.
func exposed(t *testing.T, m middleware) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		ip, ok := a.(*net.IPNet)
		if !ok || ip.IP.IsLoopback() || ip.IP.To4() == nil {
			continue
		}
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(ip.IP.String(), "0"))
		if err != nil {
			continue
		}
		s := httptest.NewUnstartedServer(behind(m))
		_ = s.Listener.Close() // that of this machine alone
		s.Listener = l
		s.Start()
		t.Cleanup(s.Close)
		return s.URL + "/mcp"
	}
	t.Skip("this machine has no address but its own")
	return ""
}

// TestOtherPrograms has programs on the port that speak no HTTP, or TLS only.
func TestOtherPrograms(t *testing.T) {
	t.Parallel()
	say := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = io.WriteString(conn, text)
			_, _ = conn.Read(make([]byte, 1<<10))
		}
	}
	asked := func(text string) func(net.Conn) { // a program that speaks when it was asked
		return func(conn net.Conn) {
			first := make([]byte, 4)
			if _, err := io.ReadFull(conn, first); err == nil && string(first) == "PRI " {
				_, _ = io.WriteString(conn, text)
			}
		}
	}
	answer := func(text string) func(net.Conn) { // to any request
		return func(conn net.Conn) {
			if _, err := conn.Read(make([]byte, 1<<12)); err == nil {
				_, _ = io.WriteString(conn, text)
			}
		}
	}
	for name, tc := range map[string]struct {
		speak  func(net.Conn)
		scheme string
		want   string // its check and the beginning of its summary
	}{
		"SSH":                    {say("SSH-2.0-OpenSSH_9.2\r\n"), "http", "http.answer SSH listens on this port"},
		"SSH, over https":        {say("SSH-2.0-OpenSSH_9.2\r\n"), "https", "network.tls SSH listens on this port"},
		"Redis":                  {asked("-ERR unknown command 'PRI'\r\n"), "http", "http.answer Redis listens on this port"},
		"PostgreSQL":             {asked(""), "http", "http.answer what listens on this port does not answer over HTTP"},
		"PostgreSQL, over https": {asked(""), "https", "network.tls the TLS handshake has no answer"},
		"noise, over https":      {say("\x00\x01\x02\x03\x04\x05"), "https", "network.tls what listens on this port speaks no TLS"},
		"HTTP, over https":       {say("HTTP/1.1 400 Bad Request\r\n\r\n"), "https", "network.tls the server speaks http on this port"},
		"TLS, over http": {answer("HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 52\r\n\r\nThe plain HTTP request was sent to HTTPS port       "), "http",
			"http.answer the server speaks TLS on this port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Judge(examine(t, tc.scheme+strings.TrimPrefix(clienttest.Speak(t, tc.speak), "http")+"/mcp", ""), Judgement{})
			id, _, _ := strings.Cut(tc.want, " ")
			if c := r.worst(); !slices.Equal(r.RootCauses, []string{id}) || !strings.HasPrefix(c.ID+" "+c.Summary, tc.want) || r.Verdict != Unreachable {
				t.Errorf("%s, root causes %q, want %q\n%s", r.Verdict, r.RootCauses, tc.want, shown(r))
			}
		})
	}
}

// TestClientCertificate names a server that wants a certificate of the client.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(healthy())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	if r := Judge(examine(t, s.URL+"/mcp", ""), Judgement{}); !slices.Equal(r.RootCauses, []string{"network.tls"}) || !strings.Contains(r.Headline, "wants a certificate of the client") {
		t.Errorf("%s, root causes %q", r.Headline, r.RootCauses)
	}
}

// TestSilentTLS asks a server for http that speaks TLS and closes other connections.
func TestSilentTLS(t *testing.T) {
	t.Parallel()
	pair := httptest.NewUnstartedServer(nil)
	pair.StartTLS()
	defer pair.Close()
	settings := &tls.Config{Certificates: pair.TLS.Certificates, MinVersion: tls.VersionTLS12}
	address := clienttest.Speak(t, func(conn net.Conn) {
		_ = tls.Server(conn, settings).HandshakeContext(context.Background()) // a client without TLS fails, and the end has no alert
	})
	if r := Judge(examine(t, address+"/mcp", ""), Judgement{}); !slices.Equal(r.RootCauses, []string{"http.answer"}) || !strings.Contains(r.Headline, "speaks TLS on this port") {
		t.Errorf("%s, root causes %q", r.Headline, r.RootCauses)
	}
}
