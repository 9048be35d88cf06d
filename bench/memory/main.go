// Command memory is an MCP server whose memory does what it is told: it fills a cache
// and is healthy, or keeps some bytes of each call.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// keeper is what the calls leave behind.
type keeper struct {
	entries, leak int

	mu    sync.Mutex
	calls int
	cache map[int][]byte
	kept  *kept
}

// kept are the bytes of many calls: a list that grows without being copied.
type kept struct {
	before *kept
	all    [1024][]byte
}

const entry = 32 << 10

func (k *keeper) call(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls++
	if k.entries > 0 && k.cache[k.calls%k.entries] == nil {
		k.cache[k.calls%k.entries] = filled(entry)
	}
	if k.leak > 0 {
		if k.calls%len(kept{}.all) == 0 {
			k.kept = &kept{before: k.kept}
		}
		k.kept.all[k.calls%len(k.kept.all)] = filled(k.leak)
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "hi"}}}, nil, nil
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
	listen := flag.String("listen", "127.0.0.1:0", "")
	k := &keeper{cache: map[int][]byte{}, kept: &kept{}}
	flag.IntVar(&k.entries, "cache", 0, "entries of 32 KB in a cache that the first calls fill")
	flag.IntVar(&k.leak, "leak", 0, "bytes that are kept of each call")
	flag.Parse()
	server := mcp.NewServer(&mcp.Implementation{Name: "memory", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "work"}, k.call)
	http.Handle("/mcp", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	srv := http.Server{Addr: *listen, ReadHeaderTimeout: time.Minute}
	log.Fatal(srv.ListenAndServe())
}
