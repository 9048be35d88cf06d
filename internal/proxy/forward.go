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
	dial      dialer

	settlesAfter time.Duration
}

func newForwarder(cfg *Config, l *Ledger) *forwarder {
	dial := (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	f := &forwarder{to: cfg.To, ledger: l, dial: dial, gate: newGate(l, cfg.MaxInFlight), settlesAfter: settlesAfter}
	other := newTransport(cfg.TLS, dial)
	f.transport = other
	through, err := http.ProxyFromEnvironment(&http.Request{URL: cfg.To})
	if canLook && cfg.To.Scheme == "http" && through == nil && err == nil {
		f.transport = &direct{dial: dial, host: hostPort(cfg.To), other: other}
	}
	return f
}

// hostPort is the address of u.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// Bodies of a known length up to these sizes are read before they are passed
// on: larger ones, and those of an unknown length, pass as they come.
const (
	smallBody = 64 << 10
	heldBody  = 8 << 20 // where calls are held back, which needs to know them first
)

// newTransport returns a transport that changes nothing: it asks for no
// compression and undoes none.
func newTransport(config *tls.Config, dial dialer) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dial,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleWire,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
		ReadBufferSize:         wireRead,
		WriteBufferSize:        wireRead,
	}
}

// passage is a request on its way: who has it closes it.
type passage struct {
	x    *exchange
	resp *http.Response // or nil
	over func()         // gives back its place at the gate, or nil
}

// close ends a passage: how is how it ended.
func (p *passage) close(how outcome) {
	if p.resp != nil {
		_ = p.resp.Body.Close() // it was read to its end, or is given up
	}
	if p.over != nil {
		p.over()
	}
	p.x.close(how)
}

// ServeHTTP passes one request on.
func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := &passage{x: f.ledger.exchange(r)}
	how, mine := outcomeLost, true
	defer func() {
		if mine {
			p.close(how)
		}
	}()
	if how = f.ask(w, r, p); p.resp == nil {
		return
	}
	err := f.answer(w, r, p)
	if errors.Is(err, errSettles) {
		if err = settle(w, p); err == nil {
			mine = false
			return
		}
	}
	if err != nil {
		if how = outcomeLost; r.Context().Err() != nil {
			how = outcomeCancelled
		}
		_ = http.NewResponseController(w).Flush() // what came is the client's
		panic(http.ErrAbortHandler)               // which must see that the answer is cut off
	}
}

// ask passes the request on, and waits for the answer to begin.
func (f *forwarder) ask(w http.ResponseWriter, r *http.Request, p *passage) (how outcome) {
	out, err := f.outgoing(w, r, p.x)
	if err != nil {
		return outcomeCancelled
	}
	over, ok := f.gate.pass(r.Context(), p.x.own)
	if !ok {
		return outcomeCancelled
	}
	p.over = over
	resp, err := f.transport.RoundTrip(out) //nolint:bodyclose // who has the passage closes it
	if err != nil {
		return f.refuse(w, r, err)
	}
	p.resp = resp
	f.ledger.reached()
	p.x.head(resp)
	return outcomeOK
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
func (f *forwarder) answer(w http.ResponseWriter, r *http.Request, p *passage) error {
	header, resp := w.Header(), p.resp
	dropHops(resp.Header)
	maps.Copy(header, resp.Header)
	for _, name := range []string{"Content-Type", "Date"} { // net/http would make them up
		if _, ok := header[name]; !ok {
			header[name] = nil
		}
	}
	w.WriteHeader(resp.StatusCode)
	if err := f.copy(w, r, p); err != nil {
		return err
	}
	for name, values := range resp.Trailer {
		header[http.TrailerPrefix+name] = values
	}
	return nil
}

// copy flushes after each piece of a body whose length is not known: it may be long until the next.
// A stream that is quiet settles.
func (f *forwarder) copy(w http.ResponseWriter, r *http.Request, p *passage) error {
	resp := p.resp
	stream, settles := maySettle(w, r, resp)
	patience := f.settlesAfter
	if r.Method == http.MethodGet {
		patience = 0
	}
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
		if settles && stream.quiet(patience) {
			return errSettles
		}
		n, err := resp.Body.Read(b.next(resp.ContentLength))
		if n > 0 {
			p.x.received(b.bytes[:n]) // before the client can see it and go on
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
	why := unreachable(err)
	f.ledger.unreached(why, 1)
	http.Error(w, fmt.Sprintf("mcpdiag proxy: %s: %s", f.to.Host, why), http.StatusBadGateway)
	return outcome("502")
}

// unreachable says in words why the server could not be reached.
func unreachable(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return whyRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed the connection"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err.Error()
	}
	return "the server does not answer as HTTP wants"
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
