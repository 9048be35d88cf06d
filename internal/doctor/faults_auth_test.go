package doctor

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// lab is a protected server with its authorization server, both at one address.
type lab struct {
	status    int    // of a request without a right token
	challenge string // HOST stands for the address
	resource  map[string]any
	server    map[string]any
	well      middleware // answers below /.well-known/oauth-protected-resource instead
	keys      string     // at /jwks
	page      int        // status of the login page without parameters
	open      bool       // initialize needs no token
	refresh   string     // answer of the token endpoint
	asked     string     // the resource that the token endpoint was asked for
}

// Key sets, of one key each.
const (
	goodKeys    = `{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`
	privateKeys = `{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}]}`
)

func newLab() *lab {
	return &lab{
		status:    http.StatusUnauthorized,
		challenge: "Bearer resource_metadata=\"HOST/.well-known/oauth-protected-resource/mcp\"",
		resource:  map[string]any{"resource": "/mcp", "authorization_servers": []string{""}},
		server: map[string]any{"issuer": "", "code_challenge_methods_supported": []string{"S256"}, "client_id_metadata_document_supported": true,
			"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/jwks", "authorization_response_iss_parameter_supported": true},
		keys: goodKeys, page: http.StatusBadRequest, refresh: `{"access_token":"new","refresh_token":"newer","expires_in":3600}`,
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
	case r.URL.Path == "/jwks":
		_, _ = io.WriteString(w, l.keys)
	case r.URL.Path == "/authorize":
		w.WriteHeader(l.page)
	case r.URL.Path == "/token":
		w.Header().Set("Content-Type", "application/json")
		l.asked = r.PostFormValue("resource")
		if r.PostFormValue("refresh_token") != "spare" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant: `+r.PostFormValue("refresh_token")+`"}`)
			return
		}
		_, _ = io.WriteString(w, l.refresh)
	case l.open && (strings.Contains(bodyOf(r), `"initialize"`) || r.Method == http.MethodDelete):
		next.ServeHTTP(w, r)
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
		"auth.endpoints":    func(l *lab) { l.page = http.StatusNotFound },
		"auth.jwks":         func(l *lab) { l.keys = privateKeys },
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
		if f.Stopped != "" {
			t.Errorf("with the token %q: %s", token, f.Stopped)
		}
		if f.Auth == nil || f.Auth.Resource == nil || len(f.Auth.Servers) != 1 || r.Requests > gather.MaxRequests {
			t.Errorf("%d requests, %+v", r.Requests, f.Auth)
		}
	}
}

// TestAuthWarnings has labs with one warning each.
func TestAuthWarnings(t *testing.T) {
	t.Parallel()
	for id, change := range map[string]func(*lab){
		"auth.registration": func(l *lab) { delete(l.server, "client_id_metadata_document_supported") },
		"auth.grants":       func(l *lab) { l.server["grant_types_supported"] = []string{"authorization_code"} },
		"auth.required":     func(l *lab) { l.open = true },
		"auth.scope": func(l *lab) {
			l.status, l.challenge = http.StatusForbidden, `Bearer error="insufficient_scope", scope="write", resource_metadata="HOST/.well-known/oauth-protected-resource/mcp"`
			l.resource["scopes_supported"] = []string{"read"}
		},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			l, token, worst := newLab(), "", id
			change(l)
			if id == "auth.scope" {
				token, worst = "small", "auth.token_works" // which fails
			}
			r := Judge(examine(t, served(t, l.serve), token), Judgement{})
			warned := slices.ContainsFunc(r.Checks, func(c rules.Check) bool { return c.ID == id && c.Severity == finding.Warn })
			if r.worst().ID != worst || !warned || r.Summary[string(finding.Warn)] != 1 {
				t.Errorf("verdict %s\n%s", r.Verdict, shown(r))
			}
		})
	}
}

// TestAnonymousLimit warns of a server that counts requests before it looks at tokens.
func TestAnonymousLimit(t *testing.T) {
	t.Parallel()
	r := Judge(examine(t, served(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("Authorization") == "" {
			always(429, "text/plain", "slow down")(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}), "right"), Judgement{})
	if r.Verdict != Degraded || r.worst().ID != "auth.order" {
		t.Errorf("verdict %s\n%s", r.Verdict, shown(r))
	}
}

// TestUnfinished finds no failure where the time of doctor ends while it reads the documents of
// the authorization, or where the authorization server limits the rate.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	at := func(place string, m middleware) func(*lab) middleware {
		return func(l *lab) middleware {
			return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if strings.HasPrefix(r.URL.Path, place) {
					m(w, r, next)
					return
				}
				l.serve(w, r, next)
			}
		}
	}
	limits := always(429, "text/plain", "slow down", "Ratelimit-Limit", "1")
	for name, change := range map[string]func(*lab) middleware{
		"the resource":             at("/.well-known/oauth-protected-resource", hanging),
		"the authorization server": at("/.well-known/oauth-authorization-server", hanging),
		"the keys":                 at("/jwks", hanging),
		"a server that is impatient": func(l *lab) middleware {
			foreign := served(t, limits)
			l.well = func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(map[string]any{"resource": "http://" + r.Host + "/mcp", "authorization_servers": []string{foreign}})
			}
			return l.serve
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Judge(examineWithin(t, served(t, change(newLab())), "", 2*time.Second), Judgement{})
			if r.Verdict != NoToken {
				t.Errorf("verdict %s\n%s", r.Verdict, shown(r))
			}
		})
	}
}

// TestRefresh spends a refresh token, and keeps it out of the facts. The token endpoint
// does not get the secrets in the address of the server.
func TestRefresh(t *testing.T) {
	t.Parallel()
	for spare, want := range map[string]finding.Severity{"spare": finding.Pass, "spent": finding.Warn} {
		var rotated string
		l := newLab()
		address := served(t, l.serve)
		f := examineWith(t, strings.Replace(address, "//", "//user:sentinel@", 1)+"?key=sentinel#sentinel", gather.Options{Refresh: &facts.Refresh{Token: spare, ClientID: "me", Rotated: func(token string) { rotated = token }}})
		r := Judge(f, Judgement{Only: []string{"auth.refresh"}})
		if r.Checks[0].Severity != want || (rotated == "newer") != (want == finding.Pass) {
			t.Errorf("%s: %+v, replaced by %q", spare, r.Checks[0], rotated)
		}
		if saved, err := json.Marshal(f); err != nil || strings.Contains(string(saved), "newer") || strings.Contains(string(saved), spare) {
			t.Errorf("%v, the facts hold a token:\n%s", err, saved)
		}
		if l.asked != address {
			t.Errorf("the token endpoint got the resource %q, want %q", l.asked, address)
		}
	}
}

// TestKeysOfServers judges key sets.
func TestKeysOfServers(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{
		goodKeys:      "",
		"<html>":      "cannot be read",
		`{"keys":[]}`: "cannot be read",
		privateKeys:   "1 private key",
		`{"keys":[{"kty":"RSA","n":"` + strings.Repeat("x", 171) + `","e":"AQAB"}]}`: "1 key is too short",
	} {
		l := newLab()
		l.keys = keys
		r := Judge(examine(t, served(t, l.serve), ""), Judgement{Only: []string{"auth.jwks"}})
		if got := r.worst().Summary; (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", keys, got, want)
		}
	}
	const header = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im90aGVyIn0.e30.AA" // its kid is "other"
	l := newLab()
	r := Judge(examine(t, served(t, l.serve), header), Judgement{Only: []string{"auth.jwks"}})
	if got := r.worst().Summary; !strings.Contains(got, "no key with the id of the token") {
		t.Errorf("%q", got)
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
	x := f.First("resource metadata")
	if x.Status != 0 || x.Failed == "" || x.Timing.Total > 1000 {
		t.Errorf("%+v", x)
	}
}

// An authorization server that the doctor may not connect to is no fault of the server.
func TestRefusedAuthorizationServer(t *testing.T) {
	t.Parallel()
	f := &facts.Facts{Credentials: false, Exchanges: []*facts.Exchange{{Probe: "initialize", Method: "POST", Status: 401}}, Auth: &facts.Auth{
		Resource: &facts.Resource{Resource: "x", URL: "x"}, Servers: []facts.Metadata{{Asked: "https://10.0.0.1", Refused: true}},
	}}
	if o := rules.JudgeServerMetadata(f); o.Severity != finding.Skip {
		t.Errorf("%+v", o)
	}
}
