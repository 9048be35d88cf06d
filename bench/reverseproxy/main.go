// Command reverseproxy is Go's httputil.ReverseProxy with a buffer pool, the peer
// that bench/proxy.sh measures mcpdiag's proxy against: reverseproxy LISTEN TARGET.
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"time"
)

// buffers is a pool of buffers for the bodies of responses.
type buffers struct{ sync.Pool }

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte { return *b.Pool.Get().(*[]byte) } //nolint:errcheck // it holds nothing else

// Put implements httputil.BufferPool.
func (b *buffers) Put(p []byte) { b.Pool.Put(&p) }

func main() {
	to, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:  &http.Transport{MaxIdleConnsPerHost: 10_000, DisableCompression: true},
		BufferPool: &buffers{sync.Pool{New: func() any { return new(make([]byte, 32<<10)) }}},
	}
	srv := &http.Server{Addr: os.Args[1], Handler: proxy, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(srv.ListenAndServe())
}
