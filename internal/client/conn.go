package client

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// Conn is one connection of HTTP/1.1 for who makes much the same request again
// and again, one after the other: a fourth of the cost of net/http, under the
// same policy. It opens the connection when there is none, and does not retry.
//
// A response, its header and its body hold until the next request. A request's
// context gives the deadline; Interrupt ends it before.
type Conn struct {
	client *Client
	target *url.URL
	fixed  []byte // header lines of every request: the host, the agent, the credentials

	mu   sync.Mutex // Interrupt may come from elsewhere
	wire net.Conn

	in       []byte
	r, w     int // what of in was not read yet
	out      []byte
	used     time.Time // when the last exchange ended
	timing   Timing
	opening  Timing // of the connection, until somebody asks
	stage    Stage
	uri      string // of the request before
	uriOf    *url.URL
	response response
	redactor redactor // of the response, where there are secrets
}

// Direct reports whether target may be spoken to over a Conn: not where a proxy
// is on the way, not over HTTP/2, and not where each exchange is logged.
func (c *Client) Direct(target string) bool {
	u, err := url.Parse(target)
	if err != nil || c.cfg.Log != nil || c.policy.http2.Load() {
		return false
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u})
	return err == nil && proxy == nil
}

// NewConn returns a Conn to the origin of target. It is not open yet.
func (c *Client) NewConn(target string) *Conn {
	u, err := url.Parse(target)
	if err != nil {
		u = &url.URL{} // every request will say so
	}
	conn := &Conn{client: c, target: u}
	conn.response.body.conn = conn
	conn.fixed = c.fixedLines(u)
	return conn
}

// fixedLines are the header lines of every request to u.
func (c *Client) fixedLines(u *url.URL) []byte {
	header := http.Header{}
	if c.policy.isOrigin(u) {
		header = c.cfg.Header.Clone()
	}
	host := u.Host
	if h := header.Get("Host"); h != "" {
		host = h
	}
	header.Del("Host")
	if c.cfg.Agent != "" {
		header.Set("User-Agent", c.cfg.Agent)
	}
	if password, ok := u.User.Password(); u.User != nil && header.Get("Authorization") == "" && (ok || u.User.Username() != "") {
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	}
	lines := appendField(nil, "Host", host)
	for name, values := range header {
		for _, v := range values {
			lines = appendField(lines, name, v)
		}
	}
	return lines
}

// appendField appends a header line; a value that would be more than that loses
// what makes it so.
func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	for i := 0; i < len(value); i++ {
		if b := value[i]; b >= ' ' && b != 0x7f || b == '\t' {
			dst = append(dst, b)
		}
	}
	return append(dst, "\r\n"...)
}

// Timing is how long the parts of the last exchange took, up to its first byte.
func (c *Conn) Timing() Timing { return c.timing }

// Opening is how long the connection took to open; only the first to ask is told.
func (c *Conn) Opening() Timing {
	t := c.opening
	c.opening = Timing{}
	return t
}

// Interrupt has the exchange in progress fail. The next may go on.
func (c *Conn) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wire != nil {
		_ = c.wire.SetDeadline(time.Unix(1, 0)) // a connection that is closed needs none
	}
}

// CloseIdleConnections closes the connection.
func (c *Conn) CloseIdleConnections() { c.drop() }

func (c *Conn) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wire != nil {
		_ = c.wire.Close() // nothing is expected of it any more
	}
	c.wire, c.r, c.w = nil, 0, 0
}

// RoundTrip does one exchange, up to the header of the answer.
func (c *Conn) RoundTrip(req *http.Request) (*http.Response, error) {
	c.timing, c.stage = Timing{Start: time.Now(), Reused: true}, StageConnect
	resp, err := c.exchange(req)
	if err != nil {
		c.drop()
		if req.Context().Err() != nil {
			err = req.Context().Err()
		}
		return nil, &Error{Stage: c.stage, Err: err, timeout: c.client.cfg.Timeout}
	}
	if secrets := c.client.policy.secrets; len(secrets) > 0 {
		c.redactor = redactor{ReadCloser: resp.Body, secrets: secrets}
		resp.Body = &c.redactor
	}
	return resp, nil
}

func (c *Conn) exchange(req *http.Request) (*http.Response, error) {
	if err := c.ask(req.URL); err != nil {
		return nil, err
	}
	if err := c.response.body.Close(); err != nil {
		return nil, err
	}
	if c.r != c.w {
		c.drop() // what came without being asked for must not pass for the next answer
	}
	c.refresh()
	ctx := req.Context()
	if c.wire == nil {
		if err := c.open(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.arm(ctx); err != nil {
		return nil, err
	}
	c.stage = StageSend
	if err := c.send(req); err != nil {
		return nil, err
	}
	c.stage = StageAnswer
	return c.response.read(c, req)
}

// ask notes what is asked for, which is mostly the same each time.
func (c *Conn) ask(u *url.URL) error {
	if u == c.uriOf {
		return nil
	}
	if !SameOrigin(u, c.target) {
		return errors.New("a connection asks its own server only")
	}
	c.uri, c.uriOf = u.RequestURI(), u
	return nil
}

// arm sets the deadline of an exchange. An interruption that comes before it is
// seen in ctx, one that comes after moves the deadline.
func (c *Conn) arm(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	at, _ := ctx.Deadline()
	return c.wire.SetDeadline(at)
}

// A connection that was idle for longer than this may have been closed by the
// server, which is no failure of the call to come.
const (
	idleDoubt = time.Second
	idleLook  = time.Millisecond
)

// refresh drops a connection that the server has closed meanwhile.
func (c *Conn) refresh() {
	if c.wire == nil || time.Since(c.used) < idleDoubt {
		return
	}
	var b [1]byte
	_ = c.wire.SetReadDeadline(time.Now().Add(idleLook)) // a connection that is closed shows in Read
	if n, err := c.wire.Read(b[:]); n > 0 || !IsTimeout(err) {
		c.drop()
	}
	c.timing.Start = time.Now()
}

func (c *Conn) open(ctx context.Context) error {
	c.timing.Reused = false
	start := time.Now()
	dial := c.client.cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	wire, err := dial(ctx, "tcp", net.JoinHostPort(c.target.Hostname(), port(c.target)))
	if err != nil {
		return err
	}
	c.timing.Connect = time.Since(start)
	if c.target.Scheme == "https" {
		if wire, err = c.handshake(ctx, wire); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.wire = wire
	c.mu.Unlock()
	if c.in == nil {
		c.in = make([]byte, 1<<10) // it grows; most answers are short, and users many
	}
	c.opening = c.timing
	return nil
}

func (c *Conn) handshake(ctx context.Context, wire net.Conn) (net.Conn, error) {
	c.stage = StageTLS
	start := time.Now()
	cfg := c.client.tls.Clone()
	cfg.ServerName, cfg.NextProtos = c.target.Hostname(), []string{"http/1.1"}
	secure := tls.Client(wire, cfg)
	at, _ := ctx.Deadline()
	err := wire.SetDeadline(at)
	if err == nil {
		err = secure.HandshakeContext(ctx)
	}
	if err != nil {
		_ = wire.Close() // the handshake has failed already
		return nil, err
	}
	c.timing.TLS = time.Since(start)
	return secure, nil
}

// send writes a request: its line, what is in every header, its own header, its body.
func (c *Conn) send(req *http.Request) error {
	c.out = append(c.out[:0], req.Method...)
	c.out = append(c.out, ' ')
	c.out = append(c.out, c.uri...)
	c.out = append(c.out, " HTTP/1.1\r\n"...)
	c.out = append(c.out, c.fixed...)
	for name, values := range req.Header {
		if _, set := c.client.cfg.Header[name]; set {
			continue // the user's word counts
		}
		for _, v := range values {
			c.out = appendField(c.out, name, v)
		}
	}
	if req.Body != nil || req.Method == http.MethodPost {
		c.out = append(c.out, "Content-Length: "...)
		c.out = strconv.AppendInt(c.out, req.ContentLength, 10)
		c.out = append(c.out, "\r\n"...)
	}
	c.out = append(c.out, "\r\n"...)
	if req.Body != nil {
		if _, err := io.Copy((*appender)(&c.out), req.Body); err != nil {
			return err
		}
		_ = req.Body.Close() // it was read
	}
	_, err := c.wire.Write(c.out)
	return err
}

// appender is a writer onto the end of a slice.
type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// fill reads more into the buffer, behind what is there.
func (c *Conn) fill() error {
	if c.r > 0 {
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r = 0
	}
	if c.w == len(c.in) {
		c.in = append(c.in, make([]byte, len(c.in))...)
	}
	n, err := c.wire.Read(c.in[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	return err
}
