package main

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// unquoted returns the text of a hostile name, which stands as in JSON.
func unquoted(name string) string {
	var s string
	if json.Unmarshal([]byte(`"`+name+`"`), &s) != nil {
		return name
	}
	return s
}

// meetsServer runs a command that judges and checks its output: in each of its formats, or,
// unless all tests run, in one that depends on the title of the case.
func meetsServer(t *testing.T, title string, args ...string) {
	t.Helper()
	formats := []string{"text", "json", "markdown", "junit", "github"}
	if n := len(title) % len(formats); !processtest.Thorough() {
		formats = formats[n : n+1]
	}
	for _, format := range formats {
		o := invoke(t, append(args, "--format", format)...)
		o.harmless(t)
		if o.code == exitUsage {
			t.Errorf("exit code 2: %.300s", o.err)
		}
	}
}

func TestHostileNamesInDoctor(t *testing.T) {
	t.Parallel()
	for title, name := range namesToTry() {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var request struct {
					ID     json.RawMessage `json:"id"`
					Method string          `json:"method"`
				}
				_ = json.NewDecoder(r.Body).Decode(&request)
				w.Header().Set("Content-Type", "application/json")
				result := `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"instructions":"` + name + `","serverInfo":{"name":"` + name + `","version":"` + name + `"},` +
					`"tools":[{"name":"` + name + `","description":"` + name + `","inputSchema":{"type":"object"}}]}`
				if request.ID == nil {
					w.WriteHeader(http.StatusAccepted)
					return
				}
				_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":` + string(request.ID) + `,"result":` + result + `}`))
			}))
			defer srv.Close()
			meetsServer(t, title, "doctor", srv.URL+"/mcp")
		})
	}
}

// A server that answers every command of Redis with a hostile error.
func TestHostileNamesInDeps(t *testing.T) {
	t.Parallel()
	for title, name := range namesToTry() {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			answer := "-ERR " + strings.NewReplacer("\n", " ", "\r", " ").Replace(unquoted(name)) + "\r\n"
			address := clienttest.Speak(t, func(conn net.Conn) {
				for s := bufio.NewScanner(conn); s.Scan(); {
					if strings.HasPrefix(s.Text(), "*") {
						_, _ = conn.Write([]byte(answer))
					}
				}
			})
			meetsServer(t, title, "deps", "--redis", strings.Replace(address, "http:", "redis:", 1))
		})
	}
}
