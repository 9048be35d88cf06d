package doctor

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/demo"
)

// healthy is a server without a fault.
func healthy() http.Handler { return demo.New(demo.Config{}).Handler() }

// middleware changes the answers of a healthy server.
type middleware func(w http.ResponseWriter, r *http.Request, next http.Handler)

// served starts a healthy server behind m and returns its address.
func served(t *testing.T, m middleware) string {
	t.Helper()
	s := httptest.NewServer(behind(m))
	t.Cleanup(s.Close)
	return s.URL + "/mcp"
}

// behind returns a healthy server behind m.
func behind(m middleware) http.Handler { return through(m, healthy()) }

// through returns next behind m, which may be nil.
func through(m middleware, next http.Handler) http.Handler {
	if m == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m(w, r, next) })
}

// always answers every request alike.
func always(status int, kind, body string, header ...string) middleware {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", kind)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// bodyOf reads the body of a request and puts it back.
func bodyOf(r *http.Request) string {
	data, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(data)))
	return string(data)
}

// when lets m answer the requests whose method contains a text; the others reach the
// healthy server.
func when(method string, m middleware) middleware {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(bodyOf(r), fmt.Sprintf("%q", method)) {
			m(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// faults has one faulty server per check that can fail.
func faults() map[string]func(t *testing.T) string {
	all := map[string]func(t *testing.T) string{
		"network.dns": func(*testing.T) string { return "http://no-such-host.invalid/mcp" },
		"network.tcp": func(*testing.T) string {
			s := httptest.NewServer(nil)
			s.Close()
			return s.URL + "/mcp"
		},
		"network.alpn":   func(t *testing.T) string { return speaking(t, false, protocols((*http.Protocols).SetUnencryptedHTTP2)) },
		"exposure.debug": func(t *testing.T) string { return exposed(t, ownHost(openDebug)) },
		"network.tls": func(t *testing.T) string {
			s := httptest.NewTLSServer(healthy()) // its authority is unknown
			t.Cleanup(s.Close)
			return s.URL + "/mcp"
		},
	}
	for _, part := range []map[string]middleware{httpFaults(), protocolFaults(), streamFaults(), toolFaults(), authFaults()} {
		for id, m := range part {
			all[id] = func(t *testing.T) string { return served(t, m) }
		}
	}
	return all
}

func httpFaults() map[string]middleware {
	return map[string]middleware{
		"limits.hit":        always(429, "text/plain", "slow down", "Retry-After", "15"),
		"http.answer":       func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) },
		"http.redirect":     always(307, "text/plain", "", "Location", "/mcp/"),
		"http.waf":          always(403, "text/html", "<title>Just a moment...</title>", "Cf-Mitigated", "challenge"),
		"http.gateway":      always(502, "text/html", "<h1>502 Bad Gateway</h1>", "Server", "nginx"),
		"http.host":         always(421, "text/plain", "Invalid Host header"),
		"http.accept":       always(406, "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Not Acceptable"}}`),
		"http.content_type": always(200, "text/html", "<html><title>Sign in</title></html>"),
		"http.status":       always(500, "text/plain", "internal error"),
		"http.path": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.URL.Path == "/mcp" {
				http.NotFound(w, r)
				return
			}
			r.URL.Path = "/mcp"
			next.ServeHTTP(w, r)
		},
		"http.rebinding": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.Header.Del("Origin")
			r.Host = "localhost"
			next.ServeHTTP(w, r)
		},
		"auth.open":            nil,
		"auth.header_mistakes": wantsRight,
		"auth.token_works":     wantsRight,
	}
}

// wantsRight accepts one token.
func wantsRight(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.Header.Get("Authorization") != "Bearer right" {
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	next.ServeHTTP(w, r)
}
