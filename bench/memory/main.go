// Command memory is an MCP server with a chosen memory behaviour: healthy shapes that
// look like leaks for a while, or a leak of some bytes per call.
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

// keeper holds the memory of the calls.
type keeper struct {
	entries, leak int
	shape         string

	mu    sync.Mutex
	calls int
	cache map[int][]byte
	list  [][]byte
	kept  *kept
}

// kept holds the bytes of many calls in a list that grows without being copied.
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
	k.grow()
	if k.leak > 0 {
		if k.calls%len(kept{}.all) == 0 {
			k.kept = &kept{before: k.kept}
		}
		k.kept.all[k.calls%len(k.kept.all)] = filled(k.leak)
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "hi"}}}, nil, nil
}

// The healthy shapes.
const (
	small     = 4 << 10
	heldFor   = 30 * time.Second
	lruSize   = 10_000
	lruEvery  = 4 // calls
	capSize   = 5_000
	clearTime = time.Minute
	warmCalls = 250
	warmEach  = 128 << 10
)

// grow allocates the memory of one call in the chosen shape.
func (k *keeper) grow() {
	switch k.shape {
	case "held30":
		held := filled(small)
		time.AfterFunc(heldFor, func() { held[0]++ })
	case "lru":
		if k.calls%lruEvery == 0 {
			k.cache[-1-k.calls/lruEvery%lruSize] = filled(small)
		}
	case "cap5000":
		if len(k.cache) < capSize {
			k.cache[-k.calls] = filled(small)
		}
	case "clear60":
		k.list = append(k.list, filled(small))
	case "warm250":
		if k.calls <= warmCalls {
			k.list = append(k.list, filled(warmEach))
		}
	}
}

// clear releases everything now and then.
func (k *keeper) clear() {
	for range time.Tick(clearTime) {
		k.mu.Lock()
		k.list = nil
		k.mu.Unlock()
	}
}

// filled returns memory that is resident.
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
	flag.StringVar(&k.shape, "shape", "", "healthy shape: held30, lru, cap5000, clear60 or warm250")
	flag.Parse()
	if k.shape == "clear60" {
		go k.clear()
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "memory", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "work"}, k.call)
	http.Handle("/mcp", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	srv := http.Server{Addr: *listen, ReadHeaderTimeout: time.Minute}
	log.Fatal(srv.ListenAndServe())
}
