package doctor

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// lab is a protected server with its authorization server, both at one address.
type lab struct {
	status    int    // of a request without a right token
	challenge string // HOST stands for the address
	resource  map[string]any
	server    map[string]any
	well      middleware // answers below /.well-known/oauth-protected-resource instead
}

func newLab() *lab {
	return &lab{
		status:    http.StatusUnauthorized,
		challenge: "Bearer resource_metadata=\"HOST/.well-known/oauth-protected-resource/mcp\"",
		resource:  map[string]any{"resource": "/mcp", "authorization_servers": []string{""}},
		server:    map[string]any{"issuer": "", "code_challenge_methods_supported": []string{"S256"}, "client_id_metadata_document_supported": true},
	}
}

func (l *lab) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	base := "http://" + r.Host
	document := func(doc map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		full := map[string]any{}
		for name, value := range doc {
			switch v := value.(type) {
			case string:
				value = base + v
			case []string:
				if name == "authorization_servers" {
					value = []string{}
					for _, path := range v {
						value = append(value.([]string), base+path)
					}
				}
			}
			full[name] = value
		}
		_ = json.NewEncoder(w).Encode(full)
	}
	switch {
	case r.URL.Path == "/.well-known/oauth-protected-resource/mcp" || r.URL.Path == "/.well-known/oauth-protected-resource":
		if l.well != nil {
			l.well(w, r, next)
			return
		}
		document(l.resource)
	case r.URL.Path == "/.well-known/oauth-authorization-server" && l.server != nil:
		document(l.server)
	case r.URL.Path != "/mcp" || r.Header.Get("Authorization") == "Bearer right":
		next.ServeHTTP(w, r)
	default:
		w.Header().Set("WWW-Authenticate", strings.ReplaceAll(l.challenge, "HOST", base))
		w.WriteHeader(l.status)
		_, _ = io.WriteString(w, "no")
	}
}

// labs has the change of a lab per failure.
func labs() map[string]func(*lab) {
	return map[string]func(*lab){
		"auth.status":       func(l *lab) { l.status = http.StatusForbidden },
		"auth.challenge":    func(l *lab) { l.challenge = `Bearer resource_metadata="/.well-known/oauth-protected-resource/mcp"` },
		"auth.prm_open":     func(l *lab) { l.well = always(401, "text/plain", "log in") },
		"auth.prm_location": func(l *lab) { l.well = always(404, "text/plain", "not found") },
		"auth.prm_resource": func(l *lab) { l.resource["resource"] = "/other" },
		"auth.prm_servers":  func(l *lab) { l.resource["authorization_servers"] = []string{} },
		"auth.as_metadata":  func(l *lab) { l.server = nil },
		"auth.issuer":       func(l *lab) { l.server["issuer"] = "/" },
		"auth.pkce":         func(l *lab) { delete(l.server, "code_challenge_methods_supported") },
	}
}

func authFaults() map[string]middleware {
	faulty := map[string]middleware{}
	for id, change := range labs() {
		l := newLab()
		change(l)
		faulty[id] = l.serve
	}
	return faulty
}

// TestHealthyLab is the twin of the faulty ones, with and without a token.
func TestHealthyLab(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]finding.Verdict{"": NoToken, "right": Healthy} {
		f := examine(t, served(t, newLab().serve), token)
		r := Judge(f, Judgement{})
		if r.Verdict != want {
			t.Errorf("with the token %q: verdict %s, want %s\n%s", token, r.Verdict, want, shown(r))
		}
		if f.Auth == nil || f.Auth.Resource == nil || len(f.Auth.Servers) != 1 || r.Requests > MaxRequests {
			t.Errorf("%d requests, %+v", r.Requests, f.Auth)
		}
	}
}

// TestRegistration warns where clients cannot register.
func TestRegistration(t *testing.T) {
	t.Parallel()
	l := newLab()
	delete(l.server, "client_id_metadata_document_supported")
	r := Judge(examine(t, served(t, l.serve), ""), Judgement{})
	if r.Verdict != Degraded || r.worst().ID != "auth.registration" {
		t.Errorf("verdict %s\n%s", r.Verdict, shown(r))
	}
}

// TestTokenStaysAtTheTarget looks at every request beside the target's own path.
func TestTokenStaysAtTheTarget(t *testing.T) {
	t.Parallel()
	l, other := newLab(), &counter{}
	foreign := served(t, other.middleware(always(404, "text/plain", "")))
	l.well = func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"resource": "http://" + r.Host + "/mcp", "authorization_servers": []string{foreign}})
	}
	examine(t, served(t, l.serve), "right")
	if other.requests == 0 || other.token {
		t.Errorf("the authorization server got %d requests, a token: %t", other.requests, other.token)
	}
}

// TestInternalAddressesAreNotFetched names an address within the user's network.
func TestInternalAddressesAreNotFetched(t *testing.T) {
	t.Parallel()
	l := newLab()
	l.challenge = `Bearer resource_metadata="http://169.254.169.254/latest/meta-data"`
	f := examine(t, served(t, l.serve), "")
	x := f.first("resource metadata")
	if x.Status != 0 || x.Failed == "" || x.Timing.Total > 1000 {
		t.Errorf("%+v", x)
	}
}

// An authorization server that the doctor may not connect to is no fault of the server.
func TestRefusedAuthorizationServer(t *testing.T) {
	t.Parallel()
	f := &Facts{Credentials: false, Exchanges: []*Exchange{{Probe: "initialize", Method: "POST", Status: 401}}, Auth: &Auth{
		Resource: &Resource{Resource: "x", URL: "x"}, Servers: []Metadata{{Asked: "https://10.0.0.1", Refused: true}},
	}}
	if o := judgeServerMetadata(f); o.severity != finding.Skip {
		t.Errorf("%+v", o)
	}
}
