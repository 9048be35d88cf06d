package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	maxHeader   = 1 << 20 // bytes of a response's header
	maxIdle     = 10_000  // idle connections to the server
	wireBuffer  = 1 << 10 // bytes of a connection's buffers: a large body bypasses them
	dialTimeout = 30 * time.Second
)

// idleUpstream is how long a connection to the server may be idle: Node and
// uvicorn close theirs after 5 s, and a call must not meet that.
const idleUpstream = 4 * time.Second

var errSwitches = errors.New("it switches protocols although nobody asked")

// notFinal returns the error of a status that ends an exchange and cannot be passed on.
func notFinal(status int) error {
	if status == http.StatusSwitchingProtocols {
		return errSwitches
	}
	return fmt.Errorf("its status is %03d", status)
}

// newTransport returns a transport that changes nothing: it neither asks for
// compression nor undoes it.
func newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleUpstream,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
		ReadBufferSize:         wireBuffer,
		WriteBufferSize:        wireBuffer,
	}
}

// hopHeaders are the headers that concern a single connection.
var hopHeaders = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// dropHopHeaders removes the headers that must not be passed on.
func dropHopHeaders(h http.Header) {
	for _, list := range h["Connection"] {
		for name := range listMembers(list) {
			h.Del(name)
		}
	}
	for _, name := range hopHeaders {
		delete(h, name)
	}
}

// listMembers yields the members of a header that is a list.
func listMembers(list string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" && !yield(name) {
				return
			}
		}
	}
}
