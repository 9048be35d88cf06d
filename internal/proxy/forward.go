package proxy

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
)

// forwarder passes requests to one server and its responses back.
type forwarder struct {
	to        *url.URL
	tracker   *tracker
	admission *admissionQueue
	transport http.RoundTripper
	held      int64 // heldBody with a limit on calls
}

func newForwarder(cfg *Config, t *tracker) *forwarder {
	f := &forwarder{to: cfg.To, tracker: t, admission: newAdmissionQueue(t, cfg.MaxInFlight), transport: newRoundTripper(cfg, newTransport(cfg.TLS))}
	if cfg.MaxInFlight > 0 {
		f.held = heldBody
	}
	return f
}

// Request bodies of a known length up to smallBody are read before they are passed
// on, so that the transport can repeat the request when the server has closed the
// connection meanwhile. With a limit on calls heldBody bytes of each POST are read: a
// call is recognized before it is held back. The rest is streamed.
const (
	smallBody = 64 << 10
	heldBody  = 8 << 20
)

// ServeHTTP passes one request on.
func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := f.tracker.exchange(r)
	how, err := outcomeLost, error(nil)
	defer func() { x.close(how) }()
	how, err = f.forward(w, r, x)
	if err != nil {
		_ = http.NewResponseController(w).Flush() // the part that came is the client's
		panic(http.ErrAbortHandler)               // the client must see that the response is cut off
	}
}

// forward exchanges a request for its response. It returns an error only for a
// response that breaks off.
func (f *forwarder) forward(w http.ResponseWriter, r *http.Request, x *exchange) (outcome, error) {
	out, body, err := f.outgoing(w, r, x)
	if err != nil {
		return refuseBody(w, err), nil
	}
	leave, ok := f.admission.enter(r.Context(), x.requests(), body != nil && x.mayBringCall())
	if !ok {
		return outcomeCancelled, nil
	}
	defer leave()
	resp, err := f.transport.RoundTrip(out)
	if body.isCut() {
		w.Header().Set("Connection", "close")
	}
	if err == nil && resp.StatusCode < http.StatusOK {
		err = errors.Join(notFinal(resp.StatusCode), resp.Body.Close())
	}
	if err != nil {
		if cause := body.failure(); cause != nil {
			return refuseBody(w, cause), nil
		}
		return f.refuse(w, r, err), nil
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end or is given up
	f.tracker.reached()
	x.head(resp)
	if err := f.respond(w, r, resp, x); err != nil {
		if r.Context().Err() != nil {
			return outcomeCancelled, err
		}
		return outcomeLost, err
	}
	return outcomeOK, nil
}

// outgoing returns r as it is sent to the server. body is nil unless the body
// is streamed.
func (f *forwarder) outgoing(w http.ResponseWriter, r *http.Request, x *exchange) (out *http.Request, body *uploadBody, err error) {
	out = r.WithContext(r.Context())
	out.URL = &url.URL{Scheme: f.to.Scheme, Host: f.to.Host, Path: r.URL.Path, RawPath: r.URL.RawPath,
		RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery}
	out.Host, out.RequestURI, out.Close = f.to.Host, "", false
	dropHopHeaders(out.Header)
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = nil // the transport would add its own
	}
	if r.ContentLength == 0 {
		allowRepeat(out, x)
		out.Body = http.NoBody
		return out, nil, nil
	}
	body = &uploadBody{ReadCloser: r.Body, observe: x.sent, control: http.NewResponseController(w)}
	held := f.held
	if r.Method != http.MethodPost {
		held = 0
	}
	head, whole, err := body.readHead(r.ContentLength, held)
	if err != nil {
		return nil, nil, err
	}
	if whole || len(head) > 0 {
		out.Header.Del("Expect") // reading the body has answered it
	}
	if !whole {
		// Without full duplex net/http closes the body when the response begins, while the transport still reads it.
		_ = body.control.EnableFullDuplex() // HTTP/1 supports it
		out.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(head), body), body}
		return out, body, nil
	}
	body.clearDeadline()
	allowRepeat(out, x)
	out.Body = io.NopCloser(bytes.NewReader(head))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(head)), nil }
	return out, nil, nil
}

// allowRepeat lets the transport repeat a request that is idempotent. The server may
// close a connection in the moment in which the next request comes, or after it has
// begun to carry it out: where a reused connection ends without a byte of an answer,
// nobody can tell. A proxy must not repeat other requests then (RFC 9110, 9.2.2), and
// nginx, Envoy and net/http do not; the client gets 502 and decides. GET and requests
// of which nothing was written are repeated anyway.
func allowRepeat(out *http.Request, x *exchange) {
	if _, ok := out.Header["Idempotency-Key"]; !ok && x.isIdempotent() {
		out.Header["Idempotency-Key"] = []string{} // without values it is not sent, and the transport knows
	}
}

// respond passes a response on as it comes.
func (f *forwarder) respond(w http.ResponseWriter, r *http.Request, resp *http.Response, x *exchange) error {
	header := w.Header()
	dropHopHeaders(resp.Header)
	f.localize(resp, r, x)
	if x.awaitsEndpoint() {
		f.localizeEndpoint(resp)
	}
	maps.Copy(header, resp.Header)
	for _, name := range []string{"Content-Type", "Date"} { // net/http would make them up
		if _, ok := header[name]; !ok {
			header[name] = nil
		}
	}
	w.WriteHeader(resp.StatusCode)
	if err := copyBody(w, resp, x.received, r.Method == http.MethodGet); err != nil {
		return err
	}
	for name, values := range resp.Trailer {
		header[http.TrailerPrefix+name] = values
	}
	return nil
}

// copyBody copies the body of resp to w and flushes after each piece if its
// length is unknown: the next piece may be a long time coming. standing is set
// for streams that a client holds open.
func copyBody(w http.ResponseWriter, resp *http.Response, observe func([]byte), standing bool) error {
	flush := func() error { return nil }
	if resp.ContentLength < 0 {
		flush = http.NewResponseController(w).Flush
		if err := flush(); err != nil {
			return err
		}
	}
	b := copyBuffer{standing: standing}
	defer b.release()
	for {
		n, err := resp.Body.Read(b.next(resp.ContentLength))
		if n > 0 {
			observe(b.bytes[:n]) // before the client can see it and go on
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
