// Command reverseproxy is Go's httputil.ReverseProxy with a buffer pool, the peer
// that bench/proxy.sh measures mcpdiag's proxy against: reverseproxy LISTEN TARGET.
package main

import (
	"flag"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// buffers is a pool of buffers for the bodies of responses.
type buffers struct{ sync.Pool }

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte { return *b.Pool.Get().(*[]byte) }

// Put implements httputil.BufferPool.
func (b *buffers) Put(p []byte) { b.Pool.Put(&p) }

func main() {
	flag.Parse()
	to, err := url.Parse(flag.Arg(1))
	if err != nil {
		log.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:  &http.Transport{MaxIdleConnsPerHost: 10_000, DisableCompression: true},
		BufferPool: &buffers{sync.Pool{New: func() any { return new(make([]byte, 32<<10)) }}},
	}
	srv := &http.Server{Addr: flag.Arg(0), Handler: proxy, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(srv.ListenAndServe())
}
