package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
)

func record(t *testing.T, c *Client, target string, maxBody int) *Exchange {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Record(t.Context(), req, maxBody)
}

// TestRecord checks that a record has all parts of an exchange, and no secret.
func TestRecord(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Www-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "credentials: "+r.Header.Get("Authorization"))
	})
	c := newClient(t, Config{Header: http.Header{"Authorization": {"Bearer SENTINEL-1"}}, Origins: []*url.URL{u}, Secrets: Secrets{"SENTINEL-1"}, Timeout: 10 * time.Second})
	x := record(t, c, u.String()+"/p?token=SENTINEL-2", 18)
	if x.Err != nil || x.Status != 401 || x.Proto != "HTTP/1.1" || x.Header.Get("Www-Authenticate") != "Bearer" || x.Remote != u.Host || x.TLS != nil {
		t.Errorf("%+v", x)
	}
	if string(x.Body) != "credentials: Beare" || !x.Truncated || x.Timing.Reused || x.Timing.Connect <= 0 || x.Timing.FirstByte < x.Timing.Connect {
		t.Errorf("body %q, truncated %t, timing %+v", x.Body, x.Truncated, x.Timing)
	}
	if strings.Contains(x.URL, "SENTINEL") {
		t.Errorf("URL %s", x.URL)
	}
	if x = record(t, c, u.String(), 0); string(x.Body) != "credentials: Bearer REDACTED" || x.Truncated {
		t.Errorf("body %q", x.Body)
	}
	if x = record(t, c.WithoutCredentials(), u.String(), 0); string(x.Body) != "credentials: " {
		t.Errorf("without credentials: body %q", x.Body)
	}
}

// TestRecordOfFailures checks that a record says at which stage an exchange failed.
func TestRecordOfFailures(t *testing.T) {
	t.Parallel()
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(secure.Close)
	for name, tc := range map[string]struct {
		target string
		stage  Stage
		status int
	}{
		"no host":       {"http://nobody.invalid/", StageDNS, 0},
		"not TLS":       {"https://" + plain.Host, StageTLS, 0},
		"unknown CA":    {secure.URL, StageTLS, 0},
		"no answer":     {clienttest.Speak(t, afterRequest("")), StageAnswer, 0},
		"cut off":       {clienttest.Speak(t, afterRequest("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")), StageBody, 200},
		"another thing": {clienttest.Speak(t, afterRequest("220 mail\r\n")), StageAnswer, 0},
		"switching":     {clienttest.Speak(t, afterRequest("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")), "", 101},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := record(t, newClient(t, Config{Timeout: 10 * time.Second}), tc.target, 0)
			if x.Stage != tc.stage || x.Status != tc.status || (x.Err != nil) != (tc.stage != "") {
				t.Errorf("stage %q, status %d, error %v", x.Stage, x.Status, x.Err)
			}
		})
	}
	c, err := New(Config{Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	if x := record(t, c, secure.URL, 0); x.Err != nil || x.TLS == nil || x.Timing.TLS <= 0 {
		t.Errorf("%+v", x)
	}
}

// TestPublicOnly checks that internal addresses are refused at the connection, but
// for those of the target itself.
func TestPublicOnly(t *testing.T) {
	t.Parallel()
	asked := false
	u := serve(t, func(http.ResponseWriter, *http.Request) { asked = true })
	public, err := url.Parse("https://203.0.113.9/mcp")
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		x := record(t, newClient(t, Config{}).WithAllow(PublicOnly(t.Context(), public)), "http://"+host+":"+u.Port(), 0)
		var refused *RefusedAddressError
		if !errors.As(x.Err, &refused) || x.Stage != StageConnect || asked {
			t.Errorf("%s: stage %q, error %v", host, x.Stage, x.Err)
		}
	}
	if x := record(t, newClient(t, Config{}).WithAllow(PublicOnly(t.Context(), u)), u.String(), 0); x.Err != nil || !asked {
		t.Errorf("the target itself: %v", x.Err)
	}
	only := Config{Allow: func(to netip.AddrPort) error { return &RefusedAddressError{Addr: to, Why: "is not the server"} }}
	if x := record(t, newClient(t, only).WithAllow(PublicOnly(t.Context(), u)), u.String(), 0); !strings.Contains(fmt.Sprint(x.Err), "is not the server") {
		t.Errorf("what the client itself refuses: %v", x.Err)
	}
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "10.1.2.3": true, "172.16.0.1": true, "192.168.1.1": true, "169.254.169.254": true, "fe80::1": true, "fd00::1": true,
		"0.0.0.0": true, "::": true, "::ffff:10.0.0.1": true, "100.64.0.1": true, "224.0.0.1": true, "64:ff9b::a00:1": true, "2002:a00:1::": true, "8.8.8.8": false, "2001:4860:4860::8888": false,
	} {
		if got := isInternal(netip.MustParseAddr(addr).Unmap()); got != want {
			t.Errorf("%s is internal: %t, want %t", addr, got, want)
		}
	}
}
