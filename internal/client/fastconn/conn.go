package fastconn

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// Conn is one connection for requests that follow each other. It opens when it is
// needed. A response, its header and its body are valid until the next request.
// The context of a request gives its deadline; Interrupt ends an exchange early.
type Conn struct {
	engine client.Engine
	target *url.URL
	common []byte      // header lines of every request
	fixed  http.Header // the fields in them, which requests do not override

	mu   sync.Mutex // Interrupt comes from another goroutine
	wire net.Conn
	in   *bufio.Reader

	out      []byte // the current request
	uri      string // of uriOf
	uriOf    *url.URL
	response response
	timing   client.Timing
	opening  client.Timing
	stage    client.Stage
	answered bool // a byte of the answer has arrived

	leftOpen int // answers in a row that the server did not end in time
}

// Suits reports whether a Conn can reach target under the rules of c: not through
// a proxy, and not over HTTP/2.
func Suits(c *client.Client, target string) bool {
	_, ok := c.Engine(target)
	return ok
}

// New returns a Conn to the origin of target.
func New(c *client.Client, target string) *Conn {
	engine, _ := c.Engine(target)
	u, err := url.Parse(target)
	if err != nil {
		u = &url.URL{} // every request will fail
	}
	conn := &Conn{engine: engine, target: u}
	conn.response.body.conn = conn
	conn.addCommonLines()
	return conn
}

// addCommonLines writes the header lines of every request.
func (c *Conn) addCommonLines() {
	c.fixed = c.engine.Header(c.target)
	host := c.target.Host
	if h := c.fixed.Get("Host"); h != "" {
		host = h
	}
	c.fixed.Del("Host")
	if user := c.target.User; user != nil && c.fixed.Get("Authorization") == "" {
		password, _ := user.Password()
		c.fixed.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	c.common = appendField(nil, "Host", host)
	for name, values := range c.fixed {
		for _, v := range values {
			c.common = appendField(c.common, name, v)
		}
	}
}

// Timing returns the timing of the last exchange, up to its first byte.
func (c *Conn) Timing() client.Timing { return c.timing }

// Opening returns how long the connection took to open. It does so once; later
// calls return zero.
func (c *Conn) Opening() client.Timing {
	t := c.opening
	c.opening = client.Timing{}
	return t
}

// Interrupt makes the current exchange fail. The next one may go on.
func (c *Conn) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wire != nil {
		_ = c.wire.SetDeadline(time.Unix(1, 0)) // a closed connection needs none
	}
}

// CloseIdleConnections closes the connection.
func (c *Conn) CloseIdleConnections() { c.drop() }

func (c *Conn) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wire != nil {
		_ = c.wire.Close() // nothing more is expected of it
	}
	c.wire = nil
}

// RoundTrip does one exchange up to the header of the answer.
func (c *Conn) RoundTrip(req *http.Request) (*http.Response, error) {
	c.timing, c.stage = client.Timing{Start: time.Now()}, client.StageConnect
	resp, err := c.exchange(req)
	c.engine.Log(req, resp, c.timing)
	if err == nil {
		err = c.engine.Guard(req, resp)
	}
	if err == nil {
		return resp, nil
	}
	c.drop()
	if cause := req.Context().Err(); cause != nil {
		err = cause
	}
	return nil, c.engine.Fail(req, c.stage, err)
}

func (c *Conn) exchange(req *http.Request) (*http.Response, error) {
	if err := c.encode(req); err != nil {
		return nil, err
	}
	if err := c.response.body.Close(); err != nil {
		return nil, err
	}
	if c.wire != nil && c.in.Buffered() > 0 {
		c.drop() // data that was not asked for must not pass for the next answer
	}
	c.timing.Reused = c.wire != nil
	resp, err := c.attempt(req)
	if !c.timing.Reused || req.Context().Err() != nil || !c.gaveUp(resp, err) {
		return resp, err
	}
	c.drop() // the request did not fail: the server had closed the connection before
	c.timing.Reused, c.stage = false, client.StageConnect
	c.engine.CountResent()
	return c.attempt(req)
}

// gaveUp reports whether the server had given the connection up before the request:
// it ended without an answer, or with the status that stands for it.
func (c *Conn) gaveUp(resp *http.Response, err error) bool {
	if err == nil {
		return resp.StatusCode == http.StatusRequestTimeout && resp.Close
	}
	return !c.answered && closedByServer(err)
}

// closedByServer reports whether err says that the connection has ended.
func closedByServer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || client.IsReset(err)
}

// attempt sends the encoded request and reads the header of the answer.
func (c *Conn) attempt(req *http.Request) (*http.Response, error) {
	c.answered = false
	if c.wire == nil {
		if err := c.open(req.Context()); err != nil {
			return nil, err
		}
	}
	if err := c.arm(req.Context()); err != nil {
		return nil, err
	}
	c.stage = client.StageSend
	if _, err := c.wire.Write(c.out); err != nil {
		return nil, err
	}
	c.stage = client.StageAnswer
	return c.response.read(c, req)
}

// arm sets the deadline of an exchange. An interruption before it shows in ctx,
// one after it moves the deadline.
func (c *Conn) arm(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	at, _ := ctx.Deadline()
	return c.wire.SetDeadline(at)
}

// bufferSize is small: most answers are short, and load tests have many users.
const bufferSize = 2 << 10

func (c *Conn) open(ctx context.Context) error {
	start := time.Now()
	wire, err := c.engine.Dial(ctx, "tcp", client.HostPort(c.target))
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
		c.in = bufio.NewReaderSize(wire, bufferSize)
	}
	c.in.Reset(wire)
	c.opening = c.timing
	return nil
}

func (c *Conn) handshake(ctx context.Context, wire net.Conn) (net.Conn, error) {
	c.stage = client.StageTLS
	start := time.Now()
	cfg := c.engine.TLS.Clone()
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
