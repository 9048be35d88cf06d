package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// standingTransport opens the event streams that clients hold open with GET
// each on a connection of its own, without TLS. A connection of http.Transport
// has two goroutines and their stacks, which is a quarter of the memory of a
// silent stream. Other requests go to the http.Transport.
type standingTransport struct {
	*http.Transport
	address string
}

// newRoundTripper returns a standingTransport for a server without TLS that is
// dialled directly, else t.
func newRoundTripper(cfg *Config, t *http.Transport) http.RoundTripper {
	through, err := http.ProxyFromEnvironment(&http.Request{URL: cfg.To})
	if cfg.To.Scheme != "http" || through != nil || err != nil {
		return t
	}
	return &standingTransport{Transport: t, address: client.HostPort(cfg.To)}
}

// isStandingStream reports whether req asks for an event stream.
func isStandingStream(req *http.Request) bool {
	return req.Method == http.MethodGet && req.Body == http.NoBody && strings.Contains(req.Header.Get("Accept"), "text/event-stream")
}

// RoundTrip implements http.RoundTripper.
func (t *standingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !isStandingStream(req) {
		return t.Transport.RoundTrip(req)
	}
	conn, err := t.DialContext(req.Context(), "tcp", t.address)
	if err != nil {
		return nil, err
	}
	closer := &connCloser{conn: conn, stop: context.AfterFunc(req.Context(), func() { _ = conn.Close() })}
	resp, err := exchangeOn(conn, req)
	if err != nil {
		return nil, errors.Join(err, closer.Close())
	}
	resp.Request = nil // it is not needed and as large as the stream's state
	resp.Body = &standingBody{Reader: resp.Body, connCloser: closer}
	return resp, nil
}

// exchangeOn sends req on conn and reads the header of its response.
func exchangeOn(conn net.Conn, req *http.Request) (*http.Response, error) {
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: conn, N: maxHeader}
	in := bufio.NewReaderSize(limited, wireBuffer)
	for {
		resp, err := http.ReadResponse(in, req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode/100 != 1 || resp.StatusCode == http.StatusSwitchingProtocols {
			limited.N = math.MaxInt64
			return resp, nil
		}
	}
}

// standingBody is the body of a response with a connection of its own.
type standingBody struct {
	io.Reader
	*connCloser
}

// connCloser closes a connection that also closes when its context ends.
type connCloser struct {
	conn net.Conn
	stop func() bool
}

// Close implements io.Closer.
func (c *connCloser) Close() error {
	c.stop()
	return c.conn.Close()
}
