package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Fault is a mistake of servers, or of the proxies before them, that the demo server
// can make.
type Fault struct {
	Name  string
	About string // completes "the server …"
	Check string // the check of doctor that names it
	Needs string // flags that doctor needs for it, beyond the address
	Stdio bool   // it shows over standard streams only

	wrap func(next http.Handler) http.Handler // nil where the server itself makes the mistake
}

// Names of the faults that the server itself makes.
const (
	sessionLost   = "session-lost"
	noOriginCheck = "no-origin-check"
	badSchema     = "bad-schema"
	cancelIgnored = "cancel-ignored"
	stdoutNoise   = "stdout-noise"
)

// Faults lists the faults in the order of their names.
func Faults() []Fault {
	return []Fault{
		{Name: "auth-metadata-wrong", About: "wants a token, and its metadata names another address", Check: "auth.prm_resource", wrap: wrongMetadata},
		{Name: "bad-gateway", About: "is down, and the proxy before it answers", Check: "http.gateway", wrap: badGateway},
		{Name: badSchema, About: "lists a tool with a broken schema", Check: "tools.schema"},
		{Name: cancelIgnored, About: "goes on with cancelled calls", Check: "behaviour.cancel_modern", Needs: "--slow-tool generate"},
		{Name: "ended-session-400", About: "answers 400 instead of 404 for a session that ended", Check: "session.delete", wrap: endedSession},
		{Name: "login-page", About: "is behind a login page", Check: "http.content_type", wrap: loginPage},
		{Name: noOriginCheck, About: "answers foreign web pages", Check: "http.rebinding"},
		{Name: "notification-answered", About: "answers notifications with 200 and a body", Check: "protocol.initialized", wrap: answeredNotification},
		{Name: "rate-limited", About: "allows four requests in a quarter of a minute", Check: "limits.hit", wrap: rateLimited},
		{Name: "redirect", About: "redirects to the path with a slash", Check: "http.redirect", wrap: redirected},
		{Name: sessionLost, About: "runs as two replicas that do not share sessions", Check: "session.affinity"},
		{Name: stdoutNoise, About: "writes a log line to standard output (--stdio)", Check: "stdio.stdout", Stdio: true},
		{Name: "stream-404", About: "answers 404 where clients open the event stream", Check: "stream.get", wrap: noStream},
		{Name: "wrong-path", About: "serves MCP at / instead of /mcp", Check: "http.path", wrap: otherPath},
	}
}

// FaultNames lists the names of the faults.
func FaultNames() []string {
	var names []string
	for _, f := range Faults() {
		names = append(names, f.Name)
	}
	return names
}

// CheckFault returns an error that lists the faults for a name that is none.
func CheckFault(name string) error {
	names := FaultNames()
	if slices.Contains(names, name) {
		return nil
	}
	return fmt.Errorf("there is no fault %q%s; there are %s", name, report.DidYouMean(report.Closest(name, names)), strings.Join(names, ", "))
}

// has reports whether a fault is switched on.
func (c Config) has(fault string) bool { return slices.Contains(c.Faults, fault) }

// spoil returns next with the faults that lie before the server.
func (c Config) spoil(next http.Handler) http.Handler {
	for _, f := range Faults() {
		if f.wrap != nil && c.has(f.Name) {
			next = f.wrap(next)
		}
	}
	return next
}

// onMCP returns a handler that answers requests for MCP with h, and others with next.
func onMCP(next http.Handler, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mcp" {
			h(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func write(w http.ResponseWriter, status int, kind, body string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client may have disconnected
}

func badGateway(next http.Handler) http.Handler {
	return onMCP(next, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "nginx")
		write(w, http.StatusBadGateway, "text/html", "<h1>502 Bad Gateway</h1>")
	})
}

func loginPage(next http.Handler) http.Handler {
	return onMCP(next, func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, "text/html; charset=utf-8", "<!DOCTYPE html><html><title>Sign in</title><form>…</form></html>")
	})
}

func redirected(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/mcp":
			http.Redirect(w, r, "/mcp/", http.StatusTemporaryRedirect)
		case "/mcp/":
			at(next, "/mcp", w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func otherPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/mcp":
			http.NotFound(w, r)
		case "/":
			at(next, "/mcp", w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// at lets next answer a request as if it were for another path.
func at(next http.Handler, path string, w http.ResponseWriter, r *http.Request) {
	u := *r.URL
	u.Path, u.RawPath = path, ""
	other := *r
	other.URL = &u
	next.ServeHTTP(w, &other)
}

func noStream(next http.Handler) http.Handler {
	return onMCP(next, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func endedSession(next http.Handler) http.Handler {
	return onMCP(next, func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&changedStatus{ResponseWriter: w, r: r}, r)
	})
}

// changedStatus answers 400 where a session that is unknown or ended would get 404.
type changedStatus struct {
	http.ResponseWriter

	r *http.Request
}

func (w *changedStatus) WriteHeader(status int) {
	if status == http.StatusNotFound && w.r.Header.Get("Mcp-Session-Id") != "" {
		status = http.StatusBadRequest
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets the server flush event streams.
func (w *changedStatus) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// peeked is how much of a request is read to find out its method.
const peeked = 4 << 10

func answeredNotification(next http.Handler) http.Handler {
	return onMCP(next, func(w http.ResponseWriter, r *http.Request) {
		head, err := io.ReadAll(io.LimitReader(r.Body, peeked))
		if err == nil && bytes.Contains(head, []byte(`"notifications/`)) {
			write(w, http.StatusOK, "application/json", "{}")
			return
		}
		r.Body = readCloser{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
		next.ServeHTTP(w, r)
	})
}

// readCloser reads from one and closes the other.
type readCloser struct {
	io.Reader
	io.Closer
}

// Limits of the fault rate-limited.
const (
	limitRequests = 4
	limitWindow   = 15 * time.Second
)

func rateLimited(next http.Handler) http.Handler {
	var used, window atomic.Int64
	started := time.Now()
	return onMCP(next, func(w http.ResponseWriter, r *http.Request) {
		now := int64(time.Since(started) / limitWindow)
		if window.Swap(now) != now {
			used.Store(0)
		}
		if used.Add(1) > limitRequests {
			w.Header().Set("Retry-After", "15")
			write(w, http.StatusTooManyRequests, "text/plain", "too many requests")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// wrongMetadata makes the server protected. Its metadata names the address by which
// the proxy reaches it, not that of clients.
func wrongMetadata(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		base := "http://" + r.Host
		switch {
		case strings.HasPrefix(r.URL.Path, "/.well-known/oauth-protected-resource"):
			answer(w, map[string]any{"resource": "http://app:8080/mcp", "authorization_servers": []string{base}})
		case r.URL.Path == "/.well-known/oauth-authorization-server":
			answer(w, map[string]any{
				"issuer": base, "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token",
				"code_challenge_methods_supported": []string{"S256"}, "client_id_metadata_document_supported": true,
				"response_types_supported": []string{"code"}, "grant_types_supported": []string{"authorization_code", "refresh_token"},
				"authorization_response_iss_parameter_supported": true,
			})
		case r.URL.Path == "/authorize":
			write(w, http.StatusBadRequest, "text/plain", "client_id is missing")
		case r.URL.Path == "/mcp":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer resource_metadata="%s/.well-known/oauth-protected-resource/mcp"`, base))
			write(w, http.StatusUnauthorized, "text/plain", "no token")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ignoreCancel lets each call run to its end, whoever still waits for it.
func ignoreCancel(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if method == "tools/call" {
			ctx = context.WithoutCancel(ctx)
		}
		return next(ctx, method, req)
	}
}

// addBadTool adds a tool whose schema refers to a part that it does not have.
func addBadTool(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		res, err := next(ctx, method, req)
		if list, ok := res.(*mcp.ListToolsResult); ok && err == nil {
			bad := *list
			bad.Tools = append(slices.Clone(list.Tools), &mcp.Tool{Name: "report", Description: "Write a report", InputSchema: map[string]any{
				"type": "object", "properties": map[string]any{"format": map[string]any{"$ref": "#/$defs/Format"}},
			}})
			return &bad, nil
		}
		return res, err
	}
}
