package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// oddServer is a stateless MCP server that departs from the protocol where its
// fields say so.
type oddServer struct {
	tool, kind, version string
}

func (s oddServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &m)
	if m.Method != "initialize" && m.Method != "server/discover" && r.Header.Get("Mcp-Protocol-Version") != s.version {
		http.Error(w, "MCP-Protocol-Version header is missing", http.StatusBadRequest)
		return
	}
	result := map[string]string{
		"initialize": fmt.Sprintf(`{"protocolVersion":%q,"capabilities":{"tools":{}},"serverInfo":{"name":"odd","version":"1"}}`, s.version),
		"tools/list": `{"tools":[` + s.tool + `]}`,
		"tools/call": `{"content":[{"type":"text","text":"done"}]}`,
	}[m.Method]
	switch {
	case m.ID == nil:
		w.WriteHeader(http.StatusAccepted)
	case result == "":
		w.Header().Set("Content-Type", s.kind)
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`, m.ID)
	default:
		w.Header().Set("Content-Type", s.kind)
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
	}
}

// TestUnreadableListing checks that a listing without a usable tool is not taken for
// an empty one.
func TestUnreadableListing(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(oddServer{"{}", "application/json", "2025-06-18"})
	t.Cleanup(srv.Close)
	for _, more := range [][]string{nil, {"--tool", "echo"}} {
		invoke(t, append([]string{"loadtest", srv.URL + "/mcp", "--users", "1", "--calls", "1"}, more...)...).
			wants(t, exitFailure, "the server offers no tools: an entry of tools/list has no name")
	}
}

// TestOddServers checks that loadtest works with servers that the official clients
// can use, warns where those clients would refuse, and fails there with --check.
func TestOddServers(t *testing.T) {
	t.Parallel()
	const plain = `{"name":"echo","inputSchema":{"type":"object"}}`
	for name, tc := range map[string]struct {
		server  oddServer
		warning string
	}{
		"stateless":    {oddServer{plain, "application/json", "2025-06-18"}, ""},
		"no schema":    {oddServer{`{"name":"echo"}`, "application/json", "2025-06-18"}, `lacks "type": "object"; clients on the TypeScript SDK reject this`},
		"content type": {oddServer{plain, "text/html", "2025-06-18"}, `Content-Type "text/html"; clients on the TypeScript SDK reject this`},
		"new version":  {oddServer{plain, "application/json", "2031-01-01"}, `protocol version "2031-01-01" in the answer to initialize is unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(tc.server)
			t.Cleanup(srv.Close)
			args := []string{"loadtest", srv.URL + "/mcp", "--users", "1", "--calls", "2", "--tool", "echo", "--args", "{}"}
			invoke(t, args...).wants(t, exitOK, tc.warning)
			code := exitFailure
			if tc.warning == "" {
				code = exitOK
			}
			invoke(t, append(args, "--check")...).wants(t, code, tc.warning)
		})
	}
}
