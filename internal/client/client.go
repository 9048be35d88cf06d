package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Limits on answers.
const (
	DefaultMaxBody = 8 << 20   // decoded bytes of a body
	MaxHeader      = 256 << 10 // bytes of a header
)

// Config describes how to reach servers. The zero value has no deadline, the
// default limits and no credentials.
type Config struct {
	Timeout  time.Duration // for a whole exchange, its body included
	MaxBody  int64         // decoded bytes of a body; 0 means DefaultMaxBody
	Header   http.Header   // credentials and others, sent to Origins only
	Bearer   *Bearer       // a token for Origins that is fetched again when it is refused; may be nil
	Origins  []*url.URL    // the servers that Header and Bearer are meant for
	Secrets  Secrets       // blanked in bodies
	CACert   string        // PEM file of authorities to trust in addition to the system's
	Cert     string        // PEM file of the client certificate
	Key      string        // PEM file of its key
	Insecure bool          // accept any certificate
	Read     Read          // reads the files named here; nil means os.ReadFile
	Conns    int           // idle connections kept to a host; 0 means 2
	Agent    string        // User-Agent
	MaxConns int           // limit on connections to a host; 0 means none
	Dial     Dial          // opens connections; nil means TCP
	Allow    Allow         // checks addresses before connecting; nil allows all
	Log      func(string)  // receives a line about each exchange, without secrets; may be nil
}

// Read returns the content of a file.
type Read func(path string) ([]byte, error)

// Dial opens a connection.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Client does exchanges under the rules of its Config.
type Client struct {
	http   *http.Client
	policy *policy
	tls    *tls.Config
	cfg    Config
}

// New returns a Client, or an error that names the file of cfg that cannot be used.
func New(cfg Config) (*Client, error) {
	tlsConfig, err := TLS(cfg)
	if err != nil {
		return nil, err
	}
	return newWith(cfg, tlsConfig), nil
}

func newWith(cfg Config, tlsConfig *tls.Config) *Client {
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.Dial == nil {
		cfg.Dial = dialer(cfg.Allow).DialContext
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        tlsConfig.Clone(), // it adds protocols
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // policy decodes packed answers, though it asks for none
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    max(cfg.Conns, cfg.MaxConns, 2),
		MaxConnsPerHost:        cfg.MaxConns,
		DialContext:            cfg.Dial,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: MaxHeader,
	}
	if cfg.Allow != nil {
		transport.Proxy = nil // a proxy would connect to addresses that are not checked
	}
	p := &policy{next: transport, cfg: cfg, secrets: cfg.Secrets.InBodies()}
	return &Client{cfg: cfg, policy: p, tls: tlsConfig, http: &http.Client{
		Transport:     p,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// TLS returns the settings of TLS of c.
func (c *Client) TLS() *tls.Config { return c.tls.Clone() }

// WithoutCredentials returns a Client that sends neither the headers of the Config
// nor a client certificate.
func (c *Client) WithoutCredentials() *Client {
	cfg, tlsConfig := c.cfg, c.tls.Clone()
	cfg.Header, cfg.Bearer, cfg.Origins, tlsConfig.Certificates = nil, nil, nil, nil
	return newWith(cfg, tlsConfig)
}

// WithAllow returns a Client with the credentials of c that connects only to addresses
// that both c and allow permit, and not through a proxy.
func (c *Client) WithAllow(allow Allow) *Client {
	cfg := c.cfg
	cfg.Dial, cfg.Allow = nil, both(cfg.Allow, allow)
	return newWith(cfg, c.tls)
}

// Fresh returns a Client like c whose first request opens a connection. opened, which
// may be nil, receives each connection that it opens, and returns the one to use.
func (c *Client) Fresh(opened func(net.Conn) net.Conn) *Client {
	cfg := c.cfg
	if opened != nil {
		cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := c.cfg.Dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return opened(conn), nil
		}
	}
	return newWith(cfg, c.tls)
}

// Permits returns why c does not connect to an address, or nil.
func (c *Client) Permits(to netip.AddrPort) error {
	if c.cfg.Allow == nil {
		return nil
	}
	return c.cfg.Allow(to)
}

// Proxy returns the HTTP proxy through which c reaches u, nil for none.
func (c *Client) Proxy(u *url.URL) (*url.URL, error) {
	if c.cfg.Allow != nil {
		return nil, nil //nolint:nilnil // a proxy would connect to addresses that are not checked
	}
	return http.ProxyFromEnvironment(&http.Request{URL: u})
}

// HTTP returns the client for packages that speak a protocol of their own. All
// rules hold for it but the deadline, which is that of the context.
func (c *Client) HTTP() *http.Client { return c.http }

// MaxBody returns the limit on the decoded bytes of a body.
func (c *Client) MaxBody() int64 { return c.cfg.MaxBody }

// Timeout returns the deadline of one exchange, 0 for none.
func (c *Client) Timeout() time.Duration { return c.cfg.Timeout }

// Resent returns how many requests were sent again on a new connection, because the
// server closed a reused one before the first byte of an answer.
func (c *Client) Resent() int64 { return c.policy.resent.Load() }

// Response is an answer with a status of 2xx, read to its end.
type Response struct {
	Body   []byte
	Type   string // its Content-Type
	Timing Timing
}

// Get reads a document. An error names the stage at which the exchange failed and
// the way out; a status other than 2xx is a *StatusError.
func (c *Client) Get(ctx context.Context, target string) (*Response, error) {
	return c.GetAs(ctx, target, "application/json, text/plain;q=0.9, */*;q=0.1")
}

// GetAs is Get with the Accept header of the request.
func (c *Client) GetAs(ctx context.Context, target, accept string) (*Response, error) {
	ctx, cancel := Within(ctx, c.cfg.Timeout)
	defer cancel()
	var watch Stopwatch
	req, err := http.NewRequestWithContext(watch.Watch(ctx), http.MethodGet, target, nil)
	if err != nil {
		return nil, errors.New("invalid URL")
	}
	req.Header.Set("Accept", accept)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, Cause(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end, or is abandoned
	content, err := io.ReadAll(resp.Body)
	if resp.StatusCode/100 != 2 {
		return nil, NewStatusError(resp, content)
	}
	if err != nil {
		return nil, err
	}
	return &Response{Body: content, Type: resp.Header.Get("Content-Type"), Timing: watch.Stop()}, nil
}

// Within returns ctx with a deadline, without one if limit is not above 0.
func Within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// Cause removes the wrapping of net/http, which repeats the URL with its secrets.
func Cause(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
