package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// forwarder passes requests on to one server and its answers back.
type forwarder struct {
	to        *url.URL
	ledger    *Ledger
	gate      *gate
	transport http.RoundTripper
}

// Bodies of a known length up to these sizes are read before they are passed
// on: larger ones, and those of an unknown length, pass as they come.
const (
	smallBody = 64 << 10
	heldBody  = 8 << 20 // where calls are held back, which needs to know them first
)

// newTransport returns a transport that changes nothing: it asks for no
// compression and undoes none.
func newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    10_000,
		IdleConnTimeout:        4 * time.Second, // Node and uvicorn close a connection that is idle for 5 s: a call may not meet that
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		ReadBufferSize:         2 << 10, // there may be thousands of streams; a large body passes them by
		WriteBufferSize:        2 << 10,
	}
}

// ServeHTTP passes one request on.
func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := f.ledger.exchange(r)
	end := outcomeLost
	defer func() { x.close(end) }()
	out, err := f.outgoing(w, r, x)
	if err != nil {
		end = outcomeCancelled
		return
	}
	over, ok := f.gate.pass(r.Context(), x.own)
	if !ok {
		end = outcomeCancelled
		return
	}
	defer over()
	resp, err := f.transport.RoundTrip(out)
	if err != nil {
		end = f.refuse(w, r, err)
		return
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end, or is given up
	f.ledger.reached()
	x.head(resp)
	if err := f.answer(w, resp, x); err != nil {
		if end = outcomeLost; r.Context().Err() != nil {
			end = outcomeCancelled
		}
		_ = http.NewResponseController(w).Flush() // what came is the client's
		panic(http.ErrAbortHandler)               // which must see that the answer is cut off
	}
	end = outcomeOK
}

// outgoing is r as it goes to the server.
func (f *forwarder) outgoing(w http.ResponseWriter, r *http.Request, x *exchange) (*http.Request, error) {
	out := r.WithContext(r.Context())
	out.URL = &url.URL{Scheme: f.to.Scheme, Host: f.to.Host, Path: r.URL.Path, RawPath: r.URL.RawPath,
		RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery}
	out.Host, out.RequestURI, out.Close = f.to.Host, "", false
	dropHops(out.Header)
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = nil // the transport would add its own
	}
	limit := int64(smallBody)
	if f.gate.places != nil {
		limit = heldBody
	}
	switch {
	case r.ContentLength == 0:
		out.Body = http.NoBody
	case r.ContentLength > limit || r.ContentLength < 0:
		// Or net/http closes the body when the answer begins, while the transport still asks it for its end.
		_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/1 has it
		out.Body = &tee{ReadCloser: r.Body, to: x.sent}
	default:
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, err
		}
		x.sent(body)
		out.Header.Del("Expect") // it has been read
		out.Body = io.NopCloser(bytes.NewReader(body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return out, nil
}

// tee shows to what is read.
type tee struct {
	io.ReadCloser
	to func([]byte)
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.to(p[:n])
	return n, err
}

// answer passes an answer on, as it comes.
func (f *forwarder) answer(w http.ResponseWriter, resp *http.Response, x *exchange) error {
	header := w.Header()
	dropHops(resp.Header)
	maps.Copy(header, resp.Header)
	for _, name := range []string{"Content-Type", "Date"} { // net/http would make them up
		if _, ok := header[name]; !ok {
			header[name] = nil
		}
	}
	w.WriteHeader(resp.StatusCode)
	if err := f.copy(w, resp, x); err != nil {
		return err
	}
	for name, values := range resp.Trailer {
		header[http.TrailerPrefix+name] = values
	}
	return nil
}

// copy flushes after each piece of a body whose length is not known: it may be long until the next.
func (f *forwarder) copy(w http.ResponseWriter, resp *http.Response, x *exchange) error {
	flush := func() error { return nil }
	if resp.ContentLength < 0 {
		flush = http.NewResponseController(w).Flush
		if err := flush(); err != nil {
			return err
		}
	}
	var b buffer
	defer b.free()
	for {
		n, err := resp.Body.Read(b.next(resp.ContentLength))
		if n > 0 {
			x.received(b.bytes[:n]) // before the client can see it and go on
			if _, err := w.Write(b.bytes[:n]); err != nil {
				return err
			}
			if err := flush(); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		b.filled = n == len(b.bytes)
	}
}

// refuse answers for a server that cannot be reached.
func (f *forwarder) refuse(w http.ResponseWriter, r *http.Request, err error) outcome {
	if r.Context().Err() != nil {
		return outcomeCancelled
	}
	if errors.Is(err, syscall.EMFILE) {
		http.Error(w, "mcpdiag proxy: too many open files; raise the limit (ulimit -n)", http.StatusServiceUnavailable)
		return "503" // that is not the server's doing
	}
	why := "the server does not answer as HTTP wants"
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF):
		why = "the server closed the connection"
	case errors.Is(err, context.DeadlineExceeded):
		why = "no answer in time"
	default:
		if op, ok := errors.AsType[*net.OpError](err); ok {
			why = op.Err.Error()
		}
	}
	f.ledger.unreached(why)
	http.Error(w, fmt.Sprintf("mcpdiag proxy: %s: %s", f.to.Host, why), http.StatusBadGateway)
	return outcome("502")
}

// hops are the headers that are about one connection only.
var hops = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func dropHops(h http.Header) {
	for _, list := range h["Connection"] {
		for name := range splitList(list) {
			h.Del(name)
		}
	}
	for _, name := range hops {
		delete(h, name)
	}
}
