package main

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorded is a TLS server of an authorization server's endpoints that records the
// Authorization header of each request.
type recorded struct {
	*httptest.Server

	mu     sync.Mutex
	header map[string]string
}

func authServer(t *testing.T) (s *recorded, caFile string) {
	t.Helper()
	s = &recorded{header: map[string]string{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.header[r.URL.Path] = r.Header.Get("Authorization")
		s.mu.Unlock()
		switch r.URL.Path {
		case "/jwks":
			fmt.Fprint(w, `{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`)
		case "/introspect":
			fmt.Fprintf(w, `{"active":true,"scope":"read","exp":%d,"username":"alice"}`, time.Now().Add(time.Hour).Unix())
		}
	}))
	t.Cleanup(s.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(caFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return s, caFile
}

// The URLs of the token command take --cacert, and get no credentials of other servers.
func TestTokenURLs(t *testing.T) {
	t.Setenv("MCPDIAG_TOKEN", "opaque-token-of-a-server")
	s, ca := authServer(t)
	args := []string{"token", "--introspect", s.URL + "/introspect", "--jwks", s.URL + "/jwks", "--date-from", s.URL + "/date", "--scope", "read"}
	invoke(t, args...).wants(t, exitFailure, "certificate")
	o := invoke(t, append(args, "--cacert", ca)...)
	o.wants(t, exitOK, "USABLE  no fault is visible from outside")
	if !strings.Contains(o.out, "a***e") || strings.Contains(o.out, "alice") || strings.Contains(o.out, "e+09") {
		t.Errorf("the answer is shown as %s", o.out)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range []string{"/introspect", "/jwks", "/date"} {
		if got, asked := s.header[path]; !asked || got != "" {
			t.Errorf("%s: asked %t with the credentials %q", path, asked, got)
		}
	}
}

// Only the introspection endpoint gets the client's credentials.
func TestTokenClientCredentials(t *testing.T) {
	t.Setenv("MCPDIAG_TOKEN", "opaque-token-of-a-server")
	s, ca := authServer(t)
	invoke(t, "token", "--introspect", s.URL+"/introspect", "--jwks", s.URL+"/jwks", "--client-id", "me", "--cacert", ca).wants(t, exitOK, "USABLE")
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte("me:")); s.header["/introspect"] != want || s.header["/jwks"] != "" {
		t.Errorf("got %q", s.header)
	}
}

// --max-body limits the answers, and says so.
func TestTokenMaxBody(t *testing.T) {
	t.Setenv("MCPDIAG_TOKEN", "opaque-token-of-a-server")
	s, ca := authServer(t)
	invoke(t, "token", "--jwks", s.URL+"/jwks", "--cacert", ca, "--max-body", "100").wants(t, exitFailure, "--max-body raises the limit")
}
