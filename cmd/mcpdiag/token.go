package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/token"
)

// tokenReader is one run of the token command.
type tokenReader struct {
	a          *app
	expect     token.Expect
	jwks       string
	secret     string
	key        string
	introspect string
	clientID   string
	clientKey  string
	at         string
	dateFrom   string
	show       bool
	format     choice
	output     string
}

// maxKeyFile is the size of the largest file of keys that is read.
const maxKeyFile = 1 << 20

func newTokenCmd(a *app) *cobra.Command {
	t := tokenReader{a: a}
	cmd := &cobra.Command{
		SuggestFor: []string{"jwt"},
		Use:        "token [FILE | -]",
		Short:      "Say why a server may refuse an access token",
		Long: `token reads an access token from a file, from standard input (-) or from MCPDIAG_TOKEN and
judges it: its form, algorithm and type, its times, and its issuer, audience, scope and
signature if they are given to compare with. The token is never printed and never sent
anywhere but to --introspect; names of persons are masked.

A token that would be refused makes the exit code 3.`,
		Example: `  mcpdiag token token.txt --resource https://mcp.example.com/mcp --scope read
  pbpaste | mcpdiag token - --jwks https://as.example.com/jwks.json
  mcpdiag token token.txt --introspect https://as.example.com/introspect --client-id me --client-secret-file secret.txt`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return t.run(cmd.Context(), args) },
	}
	fs := cmd.Flags()
	fs.StringVar(&t.expect.Resource, "resource", "", "URL of the MCP server: the audience must contain it")
	fs.StringArrayVar(&t.expect.Issuers, "issuer", nil, "an authorization server of the MCP server; repeatable")
	fs.StringArrayVar(&t.expect.Scopes, "scope", nil, "a scope that is needed; repeatable")
	fs.StringVar(&t.jwks, "jwks", "", "verify the signature with this key set, a file or URL")
	fs.StringVar(&t.key, "key-file", "", "verify the signature with this public key or certificate in PEM")
	fs.StringVar(&t.secret, "secret-file", "", "verify an HMAC with the secret in this file")
	fs.StringVar(&t.introspect, "introspect", "", "send the token to this introspection endpoint (RFC 7662)")
	fs.StringVar(&t.clientID, "client-id", "", "client id for --introspect")
	fs.StringVar(&t.clientKey, "client-secret-file", "", "file with the client secret for --introspect")
	fs.StringVar(&t.at, "at", "", "judge the times at this time, such as 2026-11-25T09:00:00Z (default now)")
	fs.StringVar(&t.dateFrom, "date-from", "", "judge the times by the clock of this server (its Date header)")
	fs.BoolVar(&t.show, "show-claims", false, "do not mask names of persons")
	choiceVar(cmd, fs, &t.format, "format", "format of the result", "text", "json", "markdown", "junit", "github")
	fs.StringVarP(&t.output, "output", "o", "", "write the result to this file")
	group(fs, "Expectation", "resource", "issuer", "scope", "at", "date-from")
	group(fs, "Signature", "jwks", "key-file", "secret-file")
	group(fs, "Introspection", "introspect", "client-id", "client-secret-file")
	group(fs, "Output", "show-claims", "format", "output")
	foundMaySet(fs, "format")
	paths(fs, "key-file", "secret-file", "client-secret-file", "output")
	return cmd
}

func (t *tokenReader) run(ctx context.Context, args []string) error {
	text, err := t.read(args)
	if err != nil {
		return err
	}
	raw, mistakes := token.Clean(text)
	tok, err := token.Decode(raw)
	if err != nil {
		return err
	}
	t.a.secrets = append(t.a.secrets, raw)
	if err := t.prepare(ctx); err != nil {
		return err
	}
	res := token.Judge(tok, t.expect, mistakes, t.show)
	if t.introspect != "" {
		if err := t.ask(ctx, raw, res); err != nil {
			return err
		}
	}
	return t.a.conclude(t.output, t.format.value, res)
}

// read returns the token's text.
func (t *tokenReader) read(args []string) (string, error) {
	if len(args) == 0 {
		text := t.a.getenv("MCPDIAG_TOKEN")
		if text == "" {
			return "", usagef("name a file with the token, - for standard input, or set MCPDIAG_TOKEN")
		}
		return text, nil
	}
	if strings.HasPrefix(args[0], "eyJ") {
		return "", usagef("a token on the command line can be read by every user of this machine; put it into a file, or pipe it to mcpdiag token -")
	}
	data, err := t.file(args[0])
	return string(data), err
}

func (t *tokenReader) file(path string) ([]byte, error) {
	in, name, err := t.a.openInput(path)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // only read
	data, err := report.ReadAtMost(in, maxKeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return data, nil
}

// prepare reads the keys and the time.
func (t *tokenReader) prepare(ctx context.Context) error {
	t.expect.Now = time.Now()
	if t.at != "" {
		at, err := time.Parse(time.RFC3339, t.at)
		if err != nil {
			return usagef("--at %s: want a time such as 2026-11-25T09:00:00Z", t.at)
		}
		t.expect.Now = at
	}
	if t.dateFrom != "" {
		if err := t.clock(ctx); err != nil {
			return err
		}
	}
	switch {
	case t.secret != "":
		secret, err := t.file(t.secret)
		t.expect.Keys = token.Secret([]byte(strings.TrimSpace(string(secret))), t.secret)
		return err
	case t.key != "":
		return t.keys(t.key, t.file)
	case strings.HasPrefix(t.jwks, "https://"), strings.HasPrefix(t.jwks, "http://"):
		return t.keys(t.jwks, func(target string) ([]byte, error) {
			x, err := t.exchange(ctx, http.MethodGet, target, "", nil)
			if err != nil {
				return nil, err
			}
			return x.Body, nil
		})
	case t.jwks != "":
		return t.keys(t.jwks, t.file)
	}
	return nil
}

func (t *tokenReader) keys(source string, read func(string) ([]byte, error)) error {
	data, err := read(source)
	if err != nil {
		return err
	}
	t.expect.Keys, err = token.ReadKeys(data, client.Redact(source))
	if t.expect.Keys.Leaks > 0 {
		t.a.warn(fmt.Sprintf("%s holds %d private keys: anyone who reads it can sign tokens", client.Redact(source), t.expect.Keys.Leaks))
	}
	return err
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

// exchange does one exchange without credentials of the command line.
func (t *tokenReader) exchange(ctx context.Context, method, target, body string, header http.Header) (*client.Exchange, error) {
	c, err := client.New(client.Config{Timeout: 10 * time.Second})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, target, io.Reader(strings.NewReader(body)))
	if err != nil {
		return nil, usagef("invalid URL %q", client.Redact(target))
	}
	maps.Copy(req.Header, header)
	x := c.Record(ctx, req, maxKeyFile)
	switch {
	case x.Err != nil:
		return nil, fmt.Errorf("%s %s: %w", method, x.URL, x.Err)
	case method == http.MethodGet && x.Status != http.StatusOK:
		return nil, fmt.Errorf("%s %s: status %d", method, x.URL, x.Status)
	}
	return x, nil
}
