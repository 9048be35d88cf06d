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
)

// unquoted returns the text of a hostile name, which stands as in JSON.
func unquoted(name string) string {
	var s string
	if json.Unmarshal([]byte(`"`+name+`"`), &s) != nil {
		return name
	}
	return s
}

// meetsServer runs a command that judges in each of its formats and checks its output.
func meetsServer(t *testing.T, args ...string) {
	t.Helper()
	for _, format := range []string{"text", "json", "markdown", "junit", "github"} {
		o := invoke(t, append(args, "--format", format)...)
		o.harmless(t)
		if o.code == exitUsage {
			t.Errorf("exit code 2: %.300s", o.err)
		}
	}
}

func TestHostileNamesInDoctor(t *testing.T) {
	t.Parallel()
	for title, name := range hostileNames {
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
			meetsServer(t, "doctor", srv.URL+"/mcp")
		})
	}
}

// A server that answers every command of Redis with a hostile error.
func TestHostileNamesInDeps(t *testing.T) {
	t.Parallel()
	for title, name := range hostileNames {
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
			meetsServer(t, "deps", "--redis", strings.Replace(address, "http:", "redis:", 1))
		})
	}
}
