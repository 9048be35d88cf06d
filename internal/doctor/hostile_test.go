package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
)

// TestHostileServers wants an end within the budget, whatever a server sends, and
// nothing in the text that a terminal would obey.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	cursors := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		when("tools/list", always(200, "application/json",
			fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"result":{"tools":[%s],"nextCursor":"%d"}}`, goodTool, time.Now().UnixNano())))(w, r, next)
	}
	flood := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte("data: x\n\n"), 1000)); err != nil {
				return
			}
		}
	}
	for name, m := range map[string]middleware{
		"cursors without an end": cursors,
		"a flood of events":      flood,
		"100,000 tools":          page(strings.Repeat(goodTool+",", 100_000)+goodTool, ""),
		"deep schemas":           page(`{"name":"deep","inputSchema":`+strings.Repeat(`{"type":"object","not":`, 5000)+"{}"+strings.Repeat("}", 5001), ""),
		"escapes":                page(`{"name":"\u001b[2J\u202e","description":"\u001b]0;x\u0007","inputSchema":{"type":"\u001b[31m"}}`, ""),
		"escapes in the header":  always(500, "text/plain", "\x1b[2J::error::x", "Server", "x\u202e"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := examine(t, served(t, m), "")
			r := Judge(f, Judgement{Verbose: true, Curl: true})
			var text bytes.Buffer
			if err := r.Text(&text, false); err != nil {
				t.Fatal(err)
			}
			if strings.ContainsAny(text.String(), "\x1b\a\u202e") {
				t.Errorf("a terminal would obey:\n%q", text.String())
			}
			if r.Requests > gather.MaxRequests || f.Seconds > gather.DefaultDeadline.Seconds()+2 || f.Ended < f.Sessions {
				t.Errorf("%d requests, %.1f s, %d of %d sessions ended", r.Requests, f.Seconds, f.Ended, f.Sessions)
			}
			if saved, err := json.Marshal(f); err != nil || len(saved) > 32<<20 {
				t.Errorf("%d bytes of facts, %v", len(saved), err)
			}
		})
	}
}

// TestFactsHoldNoSecrets looks for the token and the session ids in saved facts.
func TestFactsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	const token = "sentinel-of-the-token"
	var mu sync.Mutex
	secrets := []string{token}
	f := examine(t, served(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Set-Cookie", "AWSALB=sentinel-of-the-cookie; Path=/")
		next.ServeHTTP(&headerWriter{ResponseWriter: w, change: func(h http.Header) {
			mu.Lock()
			defer mu.Unlock()
			if id := h.Get(facts.SessionHeader); id != "" {
				secrets = append(secrets, id)
			}
		}}, r)
	}), token)
	saved, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, secret := range append(secrets, "sentinel-of-the-cookie") {
		if bytes.Contains(saved, []byte(secret)) {
			t.Errorf("the facts hold %q", secret)
		}
	}
	if len(secrets) < 3 {
		t.Errorf("only %d secrets were looked for", len(secrets))
	}
}

// TestCertificates judges recorded handshakes.
func TestCertificates(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	days := func(n int) time.Time { return at.AddDate(0, 0, n) }
	for name, tc := range map[string]struct {
		h    facts.Handshake
		want string // id of the worst check, "" for none
		text string
	}{
		"valid":            {facts.Handshake{NotBefore: days(-10), NotAfter: days(80)}, "", ""},
		"expired":          {facts.Handshake{NotBefore: days(-90), NotAfter: days(-1), Invalid: "x", Kind: facts.KindExpired}, "network.tls", "has expired"},
		"not valid yet":    {facts.Handshake{NotBefore: days(1), NotAfter: days(80), Invalid: "x", Kind: facts.KindExpired}, "network.tls", "not valid before 2026-11-28"},
		"another name":     {facts.Handshake{NotBefore: days(-10), NotAfter: days(80), Names: []string{"b.example"}, Invalid: "x", Kind: facts.KindName}, "network.tls", "another name"},
		"no name":          {facts.Handshake{NotBefore: days(-10), NotAfter: days(80), Invalid: "x", Kind: facts.KindName}, "network.tls", "names no host where clients look"},
		"no intermediate":  {facts.Handshake{NotBefore: days(-10), NotAfter: days(80), Invalid: "x", Kind: facts.KindChain}, "network.tls", "without the intermediate"},
		"TLS 1.0":          {facts.Handshake{NotBefore: days(-10), NotAfter: days(80), Version: "TLS 1.0"}, "network.tls", "only TLS 1.0"},
		"a week left":      {facts.Handshake{NotBefore: days(-300), NotAfter: days(7)}, "network.cert_days", "in 7 of 307 days"},
		"47 days, 15 left": {facts.Handshake{NotBefore: days(-32), NotAfter: days(15)}, "network.cert_days", "in 15 of 47 days"},
		"47 days, 20 left": {facts.Handshake{NotBefore: days(-27), NotAfter: days(20)}, "", ""},
		"90 days, 20 left": {facts.Handshake{NotBefore: days(-70), NotAfter: days(20)}, "network.cert_days", "in 20 of 90 days"},
		"90 days, 28 left": {facts.Handshake{NotBefore: days(-62), NotAfter: days(28)}, "", ""},
		"a year, 62 left":  {facts.Handshake{NotBefore: days(-333), NotAfter: days(62)}, "", ""},
		"six days, 5 left": {facts.Handshake{NotBefore: days(-1), NotAfter: days(5)}, "", ""},
		"six days, 1 left": {facts.Handshake{NotBefore: days(-5), NotAfter: days(1)}, "network.cert_days", "in 1 of 6 days"},
	} {
		tc.h.Address = "192.0.2.1:443"
		f := &facts.Facts{Target: "https://a.example/mcp", At: at, Network: facts.Network{Host: "a.example", Addresses: []facts.Address{{Address: "192.0.2.1:443", Outcome: facts.OutcomeOK}}, TLS: []facts.Handshake{tc.h}}}
		r := Judge(f, Judgement{Only: []string{"network.tls", "network.cert_days"}})
		if got := r.worst(); got.ID != tc.want || !strings.Contains(got.Summary, tc.text) {
			t.Errorf("%s: %s %q, want %s %q", name, got.ID, got.Summary, tc.want, tc.text)
		}
	}
}
