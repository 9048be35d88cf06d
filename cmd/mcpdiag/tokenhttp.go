package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/token"
)

// checkURLs refuses addresses at which others could read the token or change the answer.
func (t *tokenReader) checkURLs() error {
	for _, f := range []struct{ flag, target string }{{"introspect", t.introspect}, {"date-from", t.dateFrom}, {"jwks", t.keysURL()}} {
		if f.target == "" {
			continue
		}
		u, err := url.Parse(f.target)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			return usagef("--%s %q: want a URL such as https://as.example.com/path", f.flag, client.Redact(f.target))
		case u.Scheme == "http" && !client.IsLoopback(u.Hostname()) && !t.conn.tls.Insecure:
			return usagef("--%s %s: without TLS, anyone on the way can read and change what is sent; use https://, or add --insecure", f.flag, client.Redact(f.target))
		}
	}
	return nil
}

// keysURL returns the URL of the key set, "" if it is a file.
func (t *tokenReader) keysURL() string {
	if strings.Contains(t.jwks, "://") {
		return t.jwks
	}
	return ""
}

// clock takes the time from a server's Date header; its error is a second and the
// time of the exchange.
func (t *tokenReader) clock(ctx context.Context) error {
	before := time.Now()
	x, err := t.exchange(ctx, http.MethodHead, t.dateFrom, "", nil)
	if err != nil {
		return err
	}
	date, err := http.ParseTime(x.Header.Get("Date"))
	if err != nil {
		return fmt.Errorf("%s: no Date header", client.Redact(t.dateFrom))
	}
	t.expect.Now, t.expect.NowError = date, time.Second+time.Since(before)
	return nil
}

// ask sends the token to the introspection endpoint.
func (t *tokenReader) ask(ctx context.Context, raw string, res *token.Result) error {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	if t.clientID != "" {
		secret := []byte{}
		if t.clientKey != "" {
			var err error
			if secret, err = t.file(t.clientKey); err != nil {
				return err
			}
		}
		pass := strings.TrimSpace(string(secret))
		if pass != "" {
			t.a.secrets = append(t.a.secrets, pass)
		}
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(t.clientID)+":"+url.QueryEscape(pass))))
	}
	t.a.warn("the token is sent to " + client.Redact(t.introspect))
	x, err := t.exchange(ctx, http.MethodPost, t.introspect, url.Values{"token": {raw}}.Encode(), header)
	if err != nil {
		return err
	}
	res.Introspected(x.Status, x.Body)
	return nil
}

// exchange does one exchange. The headers of the command line and MCPDIAG_TOKEN are not
// sent; a client certificate is for the introspection endpoint only.
func (t *tokenReader) exchange(ctx context.Context, method, target, body string, header http.Header) (*client.Exchange, error) {
	c := t.http
	if method != http.MethodPost {
		c = c.WithoutCredentials()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return nil, usagef("invalid URL %q", client.Redact(target))
	}
	maps.Copy(req.Header, header)
	x := c.Record(ctx, req, int(t.conn.maxBody))
	switch {
	case x.Err != nil:
		return nil, fmt.Errorf("%s %s: %w", method, x.URL, x.Err)
	case method == http.MethodGet && x.Status != http.StatusOK:
		return nil, fmt.Errorf("%s %s: status %d", method, x.URL, x.Status)
	}
	return x, nil
}
