package client

import (
	"net"
	"strings"
	"syscall"
	"testing"
)

// TestProxyHint checks that the error of a proxy that does not answer names the proxy,
// and not the server.
func TestProxyHint(t *testing.T) {
	t.Parallel()
	dead := &net.OpError{Op: "proxyconnect", Net: "tcp", Err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}
	err := &Error{Stage: StageConnect, Err: dead, proxy: "http://REDACTED@proxy.example:3128"}
	for _, want := range []string{"the proxy http://REDACTED@proxy.example:3128 of HTTP_PROXY", "connection refused", "NO_PROXY"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "is the server running") {
		t.Errorf("%v blames the server", err)
	}
}

// TestProxyAuthRequired checks that a 407 names HTTP_PROXY only where a proxy was used.
func TestProxyAuthRequired(t *testing.T) {
	t.Parallel()
	for proxied, want := range map[bool]string{true: "the proxy of HTTP_PROXY asks for credentials", false: "only a proxy answers that"} {
		err := &StatusError{Code: 407, Status: "407 Proxy Authentication Required", Proxied: proxied}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("through a proxy %t: %v lacks %q", proxied, err, want)
		}
	}
}
