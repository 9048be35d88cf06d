// Command memory is an MCP server with a chosen memory behaviour: healthy shapes that
// look like leaks for a while, or a leak of some bytes per call.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	_ "net/http/pprof" // leaktest --pprof reads it
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// keeper holds the memory of the calls.
type keeper struct {
	entries, leak int
	shape         string
	number, entry int // of the shape

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

const cacheEntry = 32 << 10

func (k *keeper) call(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls++
	if k.entries > 0 && k.cache[k.calls%k.entries] == nil {
		k.cache[k.calls%k.entries] = filled(cacheEntry)
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

// The healthy shapes, each a name with a number: memory that is held for so many seconds, an
// LRU cache of so many entries that fills slowly, a cache that stops at so many entries,
// all released every so many seconds, a warm-up of so many calls.
const (
	held, lru, stops, cleared, warm = "held", "lru", "cap", "clear", "warm"

	lruEvery = 4 // calls
	warmEach = 128 << 10
)

// grow allocates the memory of one call in the chosen shape.
func (k *keeper) grow() {
	switch k.shape {
	case held:
		held := filled(k.entry)
		time.AfterFunc(k.seconds(), func() { held[0]++ })
	case lru:
		if k.calls%lruEvery == 0 {
			k.cache[-1-k.calls/lruEvery%k.number] = filled(k.entry)
		}
	case stops:
		if len(k.cache) < k.number {
			k.cache[-k.calls] = filled(k.entry)
		}
	case cleared:
		k.list = append(k.list, filled(k.entry))
	case warm:
		if k.calls <= k.number {
			k.list = append(k.list, filled(warmEach))
		}
	}
}

func (k *keeper) seconds() time.Duration { return time.Duration(k.number) * time.Second }

// setShape sets the shape from a name with a number, such as lru10000.
func (k *keeper) setShape(text string) error {
	k.shape = strings.TrimRight(text, "0123456789")
	if !slices.Contains([]string{held, lru, stops, cleared, warm}, k.shape) {
		return fmt.Errorf("unknown shape %q", text)
	}
	n, err := strconv.Atoi(text[len(k.shape):])
	k.number = n
	return err
}

// clear releases everything now and then.
func (k *keeper) clear() {
	for range time.Tick(k.seconds()) {
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
	flag.Func("shape", "healthy shape, such as held30, lru10000, cap5000, clear60 or warm250", k.setShape)
	flag.IntVar(&k.entry, "entry", 4<<10, "bytes of an entry of the shape")
	flag.Parse()
	if k.shape == cleared {
		go k.clear()
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "memory", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "work"}, k.call)
	http.Handle("/mcp", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	srv := http.Server{Addr: *listen, ReadHeaderTimeout: time.Minute}
	log.Fatal(srv.ListenAndServe())
}
