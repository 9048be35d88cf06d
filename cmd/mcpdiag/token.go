package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/token"
)

// tokenReader is one run of the token command.
type tokenReader struct {
	a          *app
	conn       connection
	http       *client.Client
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
		Long: `token reads an access token from a file, from MCPDIAG_TOKEN or from standard input (-) and
judges it: its form, algorithm and type, its times, and its issuer, audience, scope and
signature if they are given to compare with. The token is never printed and never sent
anywhere but to --introspect; personal data is masked.

A token that would be refused makes the exit code 3.`,
		Example: `  mcpdiag token token.txt --resource https://mcp.example.com/mcp --scope read
  pbpaste | mcpdiag token --jwks https://as.example.com/jwks.json
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
	fs.BoolVar(&t.show, "show-claims", false, "do not mask personal data")
	formatVar(cmd, fs, &t.format)
	fs.StringVarP(&t.output, "output", "o", "", "write the result to this file")
	t.conn.addTransportFlags(fs, 10*time.Second)
	group(fs, "Expectation", "resource", "issuer", "scope", "at", "date-from")
	group(fs, "Signature", "jwks", "key-file", "secret-file")
	group(fs, "Introspection", "introspect", "client-id", "client-secret-file")
	group(fs, "Output", "show-claims", "format", "output")
	foundMaySet(fs, "format")
	paths(fs, "key-file", "secret-file", "client-secret-file", "output")
	return cmd
}

func (t *tokenReader) run(ctx context.Context, args []string) error {
	if err := t.check(); err != nil {
		return err
	}
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
	if t.http, err = client.New(t.conn.transport(t.a)); err != nil {
		return err
	}
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

// check finds flags that exclude or need each other.
func (t *tokenReader) check() error {
	var first string
	for _, f := range []struct{ flag, value string }{{"--jwks", t.jwks}, {"--key-file", t.key}, {"--secret-file", t.secret}} {
		if f.value == "" {
			continue
		}
		if first != "" {
			return usagef("%s and %s exclude each other: a signature is verified with one of them", first, f.flag)
		}
		first = f.flag
	}
	switch {
	case t.at != "" && t.dateFrom != "":
		return usagef("--at and --date-from exclude each other: each of them sets the time")
	case t.clientID != "" && t.introspect == "":
		return usagef("--client-id is for --introspect, which is not set")
	case t.clientKey != "" && t.clientID == "":
		return usagef("--client-secret-file needs --client-id")
	}
	return t.checkURLs()
}

// read returns the token's text: of the argument, of MCPDIAG_TOKEN, or of a pipe.
func (t *tokenReader) read(args []string) (string, error) {
	if len(args) == 0 {
		return t.unnamed()
	}
	if strings.HasPrefix(args[0], "eyJ") {
		return "", usagef("a token on the command line can be read by every user of this machine; put it into a file, or pipe it to mcpdiag token -")
	}
	data, err := t.file(args[0])
	return string(data), err
}

// unnamed returns the token that no argument names. MCPDIAG_TOKEN comes first, since a
// pipe without an end may be standard input by chance.
func (t *tokenReader) unnamed() (string, error) {
	piped := hasInput(t.a.stdin)
	if text := t.a.getenv("MCPDIAG_TOKEN"); text != "" {
		if piped {
			t.a.note("judging MCPDIAG_TOKEN; mcpdiag token - judges standard input")
		}
		return text, nil
	}
	if piped {
		data, err := t.file("-")
		if err != nil || len(bytes.TrimSpace(data)) > 0 {
			return string(data), err
		}
	}
	return "", usagef("name a file with the token, - for standard input, or set MCPDIAG_TOKEN")
}

func (t *tokenReader) file(path string) ([]byte, error) { return t.a.readBytes(path, maxKeyFile) }

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
	case t.keysURL() != "":
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
