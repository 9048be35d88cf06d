package doctor

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// rpcError is an answer with a JSON-RPC error.
func rpcError(status, code int) middleware {
	return always(status, "application/json", fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"error":{"code":%d,"message":"no"}}`, code))
}

// headerWriter changes the header of an answer before it is sent.
type headerWriter struct {
	http.ResponseWriter
	change func(http.Header)
	done   bool
}

func (w *headerWriter) WriteHeader(status int) {
	if !w.done {
		w.change(w.Header())
		w.done = true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *headerWriter) Write(p []byte) (int, error) {
	if !w.done {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

func (w *headerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush lets streams pass.
func (w *headerWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// replicas sends the connections of clients in turn to one of two servers.
func replicas() middleware {
	other := healthy()
	var mu sync.Mutex
	second := map[string]bool{}
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		if _, known := second[r.RemoteAddr]; !known {
			second[r.RemoteAddr] = len(second)%2 == 1
		}
		use := second[r.RemoteAddr]
		mu.Unlock()
		if use {
			next = other
		}
		next.ServeHTTP(w, r)
	}
}

// ended answers requests of a session that DELETE ended with m.
func ended(m middleware) middleware {
	var mu sync.Mutex
	gone := map[string]bool{}
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		id := r.Header.Get(facts.SessionHeader)
		mu.Lock()
		over := gone[id]
		gone[id] = over || r.Method == http.MethodDelete
		mu.Unlock()
		if over {
			m(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// strangers answers requests of sessions that this server did not open with m.
func strangers(m middleware) middleware {
	var mu sync.Mutex
	known := map[string]bool{"": true}
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		mine := known[r.Header.Get(facts.SessionHeader)]
		mu.Unlock()
		if !mine {
			m(w, r, next)
			return
		}
		next.ServeHTTP(&headerWriter{ResponseWriter: w, change: func(h http.Header) {
			mu.Lock()
			known[h.Get(facts.SessionHeader)] = true
			mu.Unlock()
		}}, r)
	}
}

// oddIDs gives session ids that are not visible ASCII.
func oddIDs(w http.ResponseWriter, r *http.Request, next http.Handler) {
	const odd = "é "
	if id, ok := strings.CutPrefix(r.Header.Get(facts.SessionHeader), odd); ok {
		r.Header.Set(facts.SessionHeader, id)
	}
	next.ServeHTTP(&headerWriter{ResponseWriter: w, change: func(h http.Header) {
		if id := h.Get(facts.SessionHeader); id != "" {
			h.Set(facts.SessionHeader, odd+id)
		}
	}}, r)
}

// oneSession gives each client the same session.
func oneSession() middleware {
	const shared = "the-session-of-all-clients"
	var mu sync.Mutex
	first := ""
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		if r.Header.Get(facts.SessionHeader) == shared {
			r.Header.Set(facts.SessionHeader, first)
		}
		mu.Unlock()
		next.ServeHTTP(&headerWriter{ResponseWriter: w, change: func(h http.Header) {
			if id := h.Get(facts.SessionHeader); id != "" {
				mu.Lock()
				first = cmp.Or(first, id)
				mu.Unlock()
				h.Set(facts.SessionHeader, shared)
			}
		}}, r)
	}
}

// TestOneSession wants that the session in use is not ended where another initialize gets it, too.
func TestOneSession(t *testing.T) {
	t.Parallel()
	f := examine(t, served(t, oneSession()), "")
	r := Judge(f, Judgement{})
	if worst := r.worst(); r.Verdict != Degraded || worst.ID != "session.id" || !strings.Contains(worst.Summary, "the same session id") {
		t.Errorf("verdict %s\n%s", r.Verdict, shown(r))
	}
	if f.Sessions != 1 || f.Ended != 1 {
		t.Errorf("%d sessions, %d ended", f.Sessions, f.Ended)
	}
}

// stripped is a server behind a proxy that removes the session id.
func stripped(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.Method == http.MethodPost && !strings.Contains(bodyOf(r), `"initialize"`) && r.Header.Get(facts.VersionHeader) != facts.Modern {
		http.Error(w, "Mcp-Session-Id header is required", http.StatusBadRequest)
		return
	}
	next.ServeHTTP(&headerWriter{ResponseWriter: w, change: func(h http.Header) { h.Del(facts.SessionHeader) }}, r)
}

func protocolFaults() map[string]middleware {
	return map[string]middleware{
		"protocol.era":            rpcError(200, -32603),
		"session.header_lost":     stripped,
		"session.affinity":        replicas(),
		"session.id":              oddIDs,
		"session.unknown":         strangers(always(500, "text/plain", "undefined is not a function")),
		"session.delete":          ended(rpcError(400, -32000)),
		"protocol.versions":       when("2099-01-01", rpcError(400, -32602)),
		"protocol.initialized":    when("notifications/initialized", always(204, "", "")),
		"protocol.ids":            when("mcpdiag-1", always(200, "application/json", `{"jsonrpc":"2.0","id":1,"result":{}}`)),
		"protocol.errors":         when("mcpdiag/unknown", always(500, "text/html", "<h1>Internal Server Error</h1>")),
		"protocol.caps":           when("tools/list", rpcError(200, mcp.CodeMethodNotFound)),
		"protocol.version_header": withHeader(facts.VersionHeader, "1900-01-01", always(500, "text/plain", "unknown version")),
	}
}

// Listening lets m answer the requests for the stream of the revision without sessions.
func listening(m middleware) middleware { return when(facts.ListenMethod, m) }

// collected holds back the events of a stream where the client accepts an encoding.
func collected(w http.ResponseWriter, r *http.Request, next http.Handler, encoding string) {
	if encoding != "" && r.Header.Get("Accept-Encoding") != encoding {
		next.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Content-Encoding", encoding)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// withHeader lets m answer the requests with a value of a header field.
func withHeader(name, value string, m middleware) middleware {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get(name) == value {
			m(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// onGet lets m answer the GETs from the given one on.
func onGet(from int, m middleware) middleware {
	var mu sync.Mutex
	gets := 0
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet && r.URL.Path == "/mcp" {
			mu.Lock()
			gets++
			mine := gets >= from
			mu.Unlock()
			if mine {
				m(w, r, next)
				return
			}
		}
		next.ServeHTTP(w, r)
	}
}

// oneByOne handles one request after the other, so that an open event stream holds up
// all others.
func oneByOne() middleware {
	turn := make(chan struct{}, 1)
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

func streamFaults() map[string]middleware {
	return map[string]middleware{
		"http.compress":     listening(func(w http.ResponseWriter, r *http.Request, next http.Handler) { collected(w, r, next, "gzip") }),
		"stream.buffered":   listening(func(w http.ResponseWriter, r *http.Request, next http.Handler) { collected(w, r, next, "") }),
		"stream.sse_format": when("prompts/list", always(200, "text/event-stream", "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"prompts\":[]}}\n")),
		"stream.headers":    onGet(1, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }),
		"stream.get":        onGet(1, always(404, "text/plain", "Cannot GET /mcp")),
		"stream.beside":     oneByOne(),
		"stream.reconnect":  onGet(2, always(409, "text/plain", "Only one SSE stream is allowed per session")),
		"stream.oldsse": func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			if r.Method != http.MethodGet || r.URL.Path != "/mcp" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = fmt.Fprint(w, "event: endpoint\ndata: /messages?id=1\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	}
}
