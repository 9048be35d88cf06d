package client

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func serveTLS(t *testing.T, cfg *tls.Config) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.TLS = cfg
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

func TestTLS(t *testing.T) {
	srv := serveTLS(t, nil)
	old := serveTLS(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}) //nolint:gosec // that is the point
	wantsCert := serveTLS(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12})
	authority := filepath.Join(t.TempDir(), "ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(authority, data, 0o600); err != nil {
		t.Fatal(err)
	}
	otherName := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	for name, tc := range map[string]struct {
		url  string
		cfg  Config
		want string // "" is no error
	}{
		"an unknown authority":    {srv.URL, Config{}, "the certificate is signed by an unknown authority; --cacert FILE trusts it"},
		"--cacert":                {srv.URL, Config{CACert: authority}, ""},
		"--insecure":              {srv.URL, Config{Insecure: true}, ""},
		"another name":            {otherName, Config{CACert: authority}, "; --insecure accepts it all the same"},
		"TLS 1.1 only":            {old.URL, Config{CACert: authority}, "TLS 1.2"},
		"a certificate is wanted": {wantsCert.URL, Config{CACert: authority}, "--cert"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, tc.cfg).Get(t.Context(), tc.url)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// The settings that a client gives offer no protocol: those who take them speak other ones.
func TestTLSOfAClient(t *testing.T) {
	t.Parallel()
	srv := serveTLS(t, nil)
	c := newClient(t, Config{Insecure: true})
	if _, err := c.Get(t.Context(), srv.URL); err != nil {
		t.Fatal(err)
	}
	if settings := c.TLS(); !settings.InsecureSkipVerify || len(settings.NextProtos) > 0 {
		t.Errorf("%+v", settings)
	}
}

func TestNewRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, cfg := range map[string]Config{
		"it contains no PEM certificate": {CACert: empty},
		"reading --cacert: open":         {CACert: empty + "x"},
		"--cert and --key go together":   {Cert: empty},
		"reading --cert and --key":       {Cert: empty, Key: empty},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
