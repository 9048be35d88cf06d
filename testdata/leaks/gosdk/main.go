// Command gosdk is a stateful server on the official Go SDK: v1.7.0 keeps a
// session of every server/discover, v1.8.0 does not. With --cache it is a healthy
// server whose cache fills, with --leak one that keeps so many bytes of each call.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type arguments struct {
	Text string `json:"text"`
}

var (
	listen  = flag.String("listen", "127.0.0.1:0", "")
	entries = flag.Int("cache", 0, "entries of 8 KB in a cache that calls fill")
	leak    = flag.Int("leak", 0, "bytes that are kept of each call")

	mu    sync.Mutex
	calls int
	cache = map[int][]byte{}
	kept  [][]byte
)

// work is what a call does to the memory.
func work() {
	mu.Lock()
	defer mu.Unlock()
	calls++
	if *entries > 0 {
		cache[calls%*entries] = filled(8 << 10)
	}
	if *leak > 0 {
		kept = append(kept, filled(*leak))
	}
}

// filled is memory that is really there.
func filled(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func main() {
	flag.Parse()
	server := mcp.NewServer(&mcp.Implementation{Name: "gosdk", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "echo"}, func(_ context.Context, _ *mcp.CallToolRequest, in arguments) (*mcp.CallToolResult, any, error) {
		work()
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: in.Text}}}, nil, nil
	})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	http.Handle("/mcp", handler)
	log.Fatal(http.ListenAndServe(*listen, nil))
}
