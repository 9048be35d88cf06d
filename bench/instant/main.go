// Command instant is an MCP server that answers at once: the peer of the
// benchmarks of generators, which measure the cost of a generator, not of a server.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	announce := flag.String("announce", "", "file that gets the URL")
	flag.Parse()
	l, err := net.Listen("tcp", *listen) //nolint:noctx // it lives as long as the program
	if err == nil && *announce != "" {
		err = os.WriteFile(*announce, []byte("http://"+l.Addr().String()+"/mcp\n"), 0o600) //nolint:forbidigo // a fresh file of the benchmark
	}
	if err == nil {
		srv := http.Server{Handler: http.HandlerFunc(serve), ReadHeaderTimeout: time.Minute}
		err = srv.Serve(l)
	}
	fmt.Fprintln(os.Stderr, "instant:", err)
}

var sessions atomic.Int64

// serve answers the requests of a client with sessions, and no others.
func serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	if r.Method != http.MethodPost || err != nil || json.Unmarshal(body, &m) != nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	result := results[m.Method]
	switch {
	case m.ID == nil:
		w.WriteHeader(http.StatusAccepted)
		return
	case result == "":
		w.WriteHeader(http.StatusBadRequest)
		return
	case m.Method == "initialize":
		w.Header().Set("Mcp-Session-Id", strconv.FormatInt(sessions.Add(1), 10))
	}
	w.Header().Set("Content-Type", "application/json")
	answer := make([]byte, 0, 256)
	answer = append(answer, `{"jsonrpc":"2.0","id":`...)
	answer = append(answer, m.ID...)
	answer = append(answer, `,"result":`...)
	answer = append(answer, result...)
	_, _ = w.Write(append(answer, '}')) // a client that went away is none of its business
}

var results = map[string]string{
	"initialize": `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"instant","version":"1"}}`,
	"tools/list": `{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}`,
	"tools/call": `{"content":[{"type":"text","text":"hello"}]}`,
}
