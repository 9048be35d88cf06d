// Package client is the HTTP core that every command shares: one policy for
// deadlines, size limits, credentials, TLS and redirects, and the timings of an
// exchange. The servers it talks to are not trusted.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// Limits of what is read from a server.
const (
	DefaultMaxBody = 8 << 20   // decoded bytes of an answer
	maxHeader      = 256 << 10 // bytes of its header
)

// Config is what the command line says about exchanges. The zero value has no
// deadline, the default limits and no credentials.
type Config struct {
	Timeout  time.Duration // for a whole exchange, answer included
	MaxBody  int64         // decoded bytes of an answer; 0 is DefaultMaxBody
	Header   http.Header   // sent to Origins and to nobody else
	Origins  []*url.URL    // whom Header is for
	Secrets  Secrets       // blanked in answers
	CACert   string        // PEM file of authorities to trust beside the system's
	Cert     string        // PEM file of the client certificate
	Key      string        // PEM file of its key
	Insecure bool          // accept any certificate
	Conns    int           // idle connections kept for a host; 0 is 2
	Agent    string        // User-Agent
	MaxConns int           // connections to a host, at most; 0 is no bound
	Dial     Dial          // how to connect; nil is TCP
	Log      func(string)  // told of each exchange, without its secrets; nil is nobody
}

// Dial opens a connection.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Client does exchanges under one policy.
type Client struct {
	http   *http.Client
	policy *policy
	tls    *tls.Config
	cfg    Config
}

// New returns a Client, or says which file of cfg cannot be used.
func New(cfg Config) (*Client, error) {
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	tlsConfig, err := TLS(cfg)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        tlsConfig,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    max(cfg.Conns, cfg.MaxConns, 2),
		MaxConnsPerHost:        cfg.MaxConns,
		DialContext:            cfg.Dial,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}
	p := &policy{next: transport, cfg: cfg, secrets: cfg.Secrets.inBodies()}
	return &Client{cfg: cfg, policy: p, tls: tlsConfig, http: &http.Client{
		Transport:     p,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// TLS is what cfg says about TLS, or says which of its files cannot be used.
func TLS(cfg Config) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: cfg.Insecure} //nolint:gosec // asked for, and warned of
	if cfg.CACert != "" {
		pem, err := os.ReadFile(cfg.CACert)
		if err != nil {
			return nil, fmt.Errorf("reading --cacert: %w", err)
		}
		if c.RootCAs, err = x509.SystemCertPool(); err != nil {
			c.RootCAs = x509.NewCertPool()
		}
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading --cacert %s: there is no PEM certificate in it", cfg.CACert)
		}
	}
	if (cfg.Cert == "") != (cfg.Key == "") {
		return nil, errors.New("--cert and --key go together")
	}
	if cfg.Cert != "" {
		pair, err := tls.LoadX509KeyPair(cfg.Cert, cfg.Key)
		if err != nil {
			return nil, fmt.Errorf("reading --cert and --key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// HTTP is the client for packages that do exchanges of their own: the policy
// holds for them too, but for the deadline, which their contexts carry.
func (c *Client) HTTP() *http.Client { return c.http }

// Timeout is the deadline of one exchange, 0 for none.
func (c *Client) Timeout() time.Duration { return c.cfg.Timeout }

// Response is an answer, read to its end.
type Response struct {
	Body   []byte
	Timing Timing
}

// Get gets a document. Each failure is an error that says at which stage and
// what to try: no connection, no answer in time, a redirect, which is never
// followed, a status that is not 2xx, an answer that is too large.
func (c *Client) Get(ctx context.Context, target string) (*Response, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	var watch Stopwatch
	req, err := http.NewRequestWithContext(watch.Watch(ctx), http.MethodGet, target, nil)
	if err != nil {
		return nil, errors.New("not a URL that can be asked")
	}
	req.Header.Set("Accept", "application/json, text/plain;q=0.9, */*;q=0.1")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, Cause(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end, or is given up
	content, err := io.ReadAll(resp.Body)
	if err := StatusError(resp, content); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return &Response{Body: content, Timing: watch.Stop()}, nil
}

func (c *Client) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.cfg.Timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.cfg.Timeout)
}

// Cause takes off the wrapping of net/http, which repeats the URL, its secrets included.
func Cause(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
