package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
)

// nginxHop is a server of nginx in front of one or two healthy servers.
type nginxHop struct {
	name  string
	conf  string // directives of the location
	back  middleware
	two   bool
	https bool
	want  []string // root causes of which one is to be named; none: healthy
	warns string   // a warning that is to be named
}

func nginxHops() []nginxHop {
	const direct = `proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection ""; `
	return []nginxHop{
		{name: "passes everything on", conf: direct},
		{name: "with TLS", conf: direct, https: true},
		{name: "buffers", conf: "proxy_ignore_headers X-Accel-Buffering; ", want: []string{"stream.headers", "stream.buffered"}},
		{name: "two replicas without affinity", conf: direct, two: true, want: []string{"session.affinity"}},
		{name: "removes the session id", conf: direct + "proxy_hide_header Mcp-Session-Id; ", want: []string{"session.header_lost"}},
		{name: "removes the session id from requests", conf: direct + `proxy_set_header Mcp-Session-Id ""; `, want: []string{"session.header_lost"}},
		{name: "refuses bodies", conf: direct + "client_max_body_size 60; ", want: []string{"http.status"}},
		{name: "adds CORS twice", conf: direct + "add_header Access-Control-Allow-Origin *; add_header Access-Control-Allow-Origin *; ", warns: "http.cors"},
		{name: "removes the content type", conf: direct + "proxy_hide_header Content-Type; ", want: []string{"http.content_type"}},
		{name: "compresses event streams", conf: direct + "gzip on; gzip_types text/event-stream; gzip_min_length 0; gzip_proxied any; ", warns: "http.compress"},
		{name: "HTTPS in front of HTTP", conf: direct, https: true, want: []string{"http.redirect"}, back: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.URL.Path == "/mcp" {
				w.Header().Set("Location", "http://"+r.Host+"/mcp/") // as frameworks do that do not know of the proxy
				w.WriteHeader(http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, r)
		}},
	}
}

// startNginx starts nginx with a server per hop and returns their addresses. ca is the
// file of the certificate of those with TLS.
func startNginx(t *testing.T, list []nginxHop) (addresses []string, ca string) {
	t.Helper()
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("nginx is missing")
	}
	dir := t.TempDir()
	ca = writeCertificate(t, dir)
	var servers strings.Builder
	for i, h := range list {
		address, scheme, secure := freeAddress(t), "http", ""
		if h.https {
			scheme, secure = "https", " ssl"
			fmt.Fprintf(&servers, "ssl_certificate %s; ssl_certificate_key %s/key.pem;\n", ca, dir)
		}
		backs := "server " + backOf(t, h) + ";"
		if h.two {
			backs += "server " + backOf(t, h) + ";"
		}
		fmt.Fprintf(&servers, "upstream back%d { %s }\nserver { listen %s%s; location / { proxy_pass http://back%d; proxy_set_header Host $http_host; %s} }\n", i, backs, address, secure, i, h.conf)
		addresses = append(addresses, scheme+"://"+address+"/mcp")
	}
	conf := fmt.Sprintf("pid %[1]s/nginx.pid; error_log %[1]s/error.log; worker_processes 1; events {}\nhttp { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%[2]s}\n", dir, dedupe(servers.String()))
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "nginx", "-e", filepath.Join(dir, "start.log"), "-c", path, "-g", "daemon off;")
	if err := cmd.Start(); err != nil {
		t.Skip("nginx cannot run here:", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }) // a master that is killed leaves its worker
	for _, address := range addresses {
		waitFor(t, address, dir)
	}
	return addresses, ca
}

// dedupe keeps the first of the lines about certificates: nginx wants them once.
func dedupe(conf string) string {
	seen := false
	var kept []string
	for line := range strings.Lines(conf) {
		if strings.HasPrefix(line, "ssl_certificate") {
			if seen {
				continue
			}
			seen = true
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "")
}

func waitFor(t *testing.T, address, dir string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", u.Host)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "start.log"))
			t.Fatalf("nginx does not listen: %s", log)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// backOf starts a server behind nginx and returns its address.
func backOf(t *testing.T, h nginxHop) string {
	t.Helper()
	u, err := url.Parse(served(t, h.back))
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// writeCertificate writes the certificate and the key of httptest, and returns the
// file of the certificate.
func writeCertificate(t *testing.T, dir string) string {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	c := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"ca.pem": {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "ca.pem")
}

// TestNginx names what a real nginx does to a healthy server.
func TestNginx(t *testing.T) {
	t.Parallel()
	list := nginxHops()
	addresses, ca := startNginx(t, list)
	for i, h := range list {
		t.Run(h.name, func(t *testing.T) {
			u, err := url.Parse(addresses[i])
			if err != nil {
				t.Fatal(err)
			}
			cfg := client.Config{Timeout: 20 * time.Second, Origins: []*url.URL{u}, CACert: ca}
			c, err := client.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.HTTP().CloseIdleConnections)
			tlsConfig, err := client.TLS(cfg)
			if err != nil {
				t.Fatal(err)
			}
			tlsConfig.MinVersion = tls.VersionTLS12
			r := Judge(gather.Server(t.Context(), gather.Options{Target: u, Client: c, TLS: tlsConfig, Hold: 300 * time.Millisecond}), Judgement{})
			named := len(r.RootCauses) == 1 && slices.Contains(h.want, r.RootCauses[0])
			if len(h.want) == 0 && len(r.RootCauses) > 0 || len(h.want) > 0 && !named {
				t.Errorf("root causes %q, want one of %q\n%s", r.RootCauses, h.want, shown(r))
			}
			if h.warns != "" && !strings.Contains(shown(r), "warn "+h.warns) {
				t.Errorf("no warning %s\n%s", h.warns, shown(r))
			}
		})
	}
}

// TestNginxNamed names nginx and its settings where it is on the way and streams do not pass.
func TestNginxNamed(t *testing.T) {
	t.Parallel()
	names := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Server", "nginx/1.24.0")
		next.ServeHTTP(w, r)
	}
	for _, id := range []string{"stream.headers", "stream.buffered"} {
		for through, m := range map[bool]middleware{false: streamFaults()[id], true: both(streamFaults()[id], names)} {
			c := Judge(examine(t, served(t, m), ""), Judgement{}).worst()
			named := strings.Contains(c.Summary, "nginx") && strings.Contains(c.Hint, "proxy_buffering off; proxy_http_version 1.1; gzip off")
			if c.ID != id || named != through {
				t.Errorf("%s, nginx on the way %t: %s: %s: %s", id, through, c.ID, c.Summary, c.Hint)
			}
		}
	}
}
