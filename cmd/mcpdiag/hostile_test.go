package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// ended is what one run of the program left behind.
type ended struct {
	code     int
	out, err string
}

// invoke runs the program as main does.
func invoke(t *testing.T, args ...string) ended {
	t.Helper()
	o := invokeWith(t.Context(), args...)
	o.fits(t, args)
	return o
}

func invokeWith(ctx context.Context, args ...string) ended {
	var out, err bytes.Buffer
	code := run(ctx, args, strings.NewReader(""), &out, &err)
	return ended{code, out.String(), err.String()}
}

// harmless wants nothing in o that a terminal, or GitHub Actions, would obey.
func (o ended) harmless(t *testing.T) {
	t.Helper()
	for name, text := range map[string]string{"stdout": o.out, "stderr": o.err} {
		if !utf8.ValidString(text) {
			t.Errorf("%s is not UTF-8: %.300q", name, text)
		}
		for i, r := range text {
			bidi := r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f
			if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || bidi || r == 0x2028 || r == 0x2029 || r == 0xfeff {
				t.Errorf("%s lets %q out: …%.80q", name, r, text[max(0, i-40):])
				break
			}
		}
	}
}

// wants checks the exit code, and that one of the parts, divided by |, was said.
func (o ended) wants(t *testing.T, code int, part string) {
	t.Helper()
	o.harmless(t)
	said := slices.ContainsFunc(strings.Split(part, "|"), func(p string) bool { return strings.Contains(o.out+o.err, p) })
	if o.code != code || !said {
		t.Errorf("exit code %d, want %d; %q is wanted in\nstdout: %.2000s\nstderr: %.2000s", o.code, code, part, o.out, o.err)
	}
	if len(o.err) > 20_000 {
		t.Errorf("%d bytes on stderr", len(o.err))
	}
}

// badServer serves a snapshot and MCP as it is told to.
type badServer struct {
	snapshot, call http.HandlerFunc // call answers tools/call; nil of either is a healthy one
	mcp            http.HandlerFunc // answers all of /mcp, if it is set
	server, tool   string           // names, as they stand in JSON
}

const healthySnapshot = `{"timestamp": 1763700000000, "activeSessions": 1, "heapUsedMB": 10, "toolCallStack": []}`

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func (b *badServer) start(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/snapshot", or(b.snapshot, text(healthySnapshot)))
	mux.HandleFunc("/mcp", or(b.mcp, b.speak))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

func or(h, otherwise http.HandlerFunc) http.HandlerFunc {
	if h != nil {
		return h
	}
	return otherwise
}

type rpcKey struct{}

// speak is MCP with sessions and one tool.
func (b *badServer) speak(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var m struct {
		ID     json.RawMessage
		Method string
	}
	_ = json.Unmarshal(body, &m)
	answer := func(result string) { fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result) }
	switch m.Method {
	case "initialize":
		w.Header().Set("Mcp-Session-Id", "session-1")
		answer(`{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"` + b.server + `","version":"1"}}`)
	case "tools/list":
		answer(`{"tools":[{"name":"` + b.tool + `","inputSchema":{"type":"object"}}]}`)
	case "tools/call":
		r = r.WithContext(context.WithValue(r.Context(), rpcKey{}, string(m.ID)))
		or(b.call, func(http.ResponseWriter, *http.Request) { answer(`{"content":[{"type":"text","text":"done"}]}`) })(w, r)
	case "server/discover":
		http.Error(w, "unknown", http.StatusBadRequest)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// rpcID is the id of the call that r is.
func rpcID(r *http.Request) string {
	id, _ := r.Context().Value(rpcKey{}).(string)
	return id
}

// asks are the command lines that meet a server, by name, with each format.
func asks(url, dir string) map[string][]string {
	m := map[string][]string{
		"poll text":     {"poll", url, "--count", "1", "-o", filepath.Join(dir, "t1")},
		"poll json":     {"poll", url, "--count", "1", "-o", filepath.Join(dir, "t2"), "--format", "json"},
		"poll stdout":   {"poll", url, "--count", "1", "-o", "-"},
		"loadtest text": {"loadtest", url, "--users", "1", "--calls", "2", "--protocol", "2025-11-25"},
		"loadtest json": {"loadtest", url, "--users", "1", "--calls", "2", "--protocol", "2025-11-25", "--format", "json", "-v"},
		"loadtest auto": {"loadtest", url, "--users", "1", "--calls", "1", "-o", filepath.Join(dir, "load")},
	}
	for _, format := range []string{"text", "json", "markdown", "junit", "github"} {
		m["diff "+format] = []string{"diff", url, "--wait", "0", "--settle", "0", "--threshold", "1MB", "--format", format}
	}
	return m
}

// rawServer answers each connection by hand, for what net/http would not send.
func rawServer(t *testing.T, answer func(conn net.Conn)) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			_ = c.Close()
		}
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			go answer(conn)
		}
	}()
	return "http://" + l.Addr().String()
}

// after reads a request and writes text in answer to it, then closes.
func after(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 8<<10))
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

// files are the contents of all files below dir, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		all[filepath.Base(path)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
