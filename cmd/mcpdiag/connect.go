package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

const (
	defaultURL   = "http://localhost:3100"
	snapshotPath = "/debug/snapshot"
	pprofPath    = "/debug/pprof/heap"
	mcpPath      = client.MCPPath
)

// connectionGroup is the heading of the connection flags in the help.
const connectionGroup = "Connection"

// connection holds the flags of a command that talks to servers.
type connection struct {
	url       string
	headers   []string
	tokenFile string
	tokenCmd  string // prints a token
	timeout   time.Duration
	maxBody   int64
	tls       client.Config // its settings of TLS
	maxConns  int           // per host; 0 is no limit
	sent      http.Header   // the credentials that open found
	named     bool          // the targets are arguments
	fromPlan  bool          // the target is the url of a plan: it gets no credentials
}

func (c *connection) addFlags(fs *pflag.FlagSet, timeout time.Duration) {
	fs.StringVar(&c.url, "url", defaultURL, "address of the server")
	group(fs, connectionGroup, "url")
	c.addCredentialFlags(fs)
	c.addTransportFlags(fs, timeout)
}

// addCredentialFlags adds the flags for credentials.
func (c *connection) addCredentialFlags(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&c.headers, "header", "H", nil, "send this header, 'Name: value' or 'Name: @file'; repeatable")
	fs.StringVar(&c.tokenFile, "token-file", "", "send the bearer token in this file, - for standard input (or set MCPDIAG_TOKEN)")
	group(fs, connectionGroup, "header", "token-file")
	paths(fs, "token-file")
}

// addTokenCommand adds the flag for a command that prints a token.
func (c *connection) addTokenCommand(fs *pflag.FlagSet) {
	fs.StringVar(&c.tokenCmd, "token-command", "", "send the bearer token that this command prints, and run it again when the token is refused or about to expire")
	group(fs, connectionGroup, "token-command")
}

// addTransportFlags adds the flags that hold for any address: no server and no credentials
// for one.
func (c *connection) addTransportFlags(fs *pflag.FlagSet, timeout time.Duration) {
	durationVar(fs, &c.timeout, "timeout", timeout, "deadline of each exchange")
	sizeVar(fs, &c.maxBody, "max-body", client.DefaultMaxBody, "maximum size of a response, after decompression")
	group(fs, connectionGroup, "timeout", "max-body")
	foundMaySet(fs, "timeout", "max-body")
	addTrustFlags(fs, &c.tls)
}

// addTrustFlags adds the flags of TLS.
func addTrustFlags(fs *pflag.FlagSet, tls *client.Config) {
	fs.StringVar(&tls.CACert, "cacert", "", "also trust the authorities in this PEM file")
	fs.StringVar(&tls.Cert, "cert", "", "client certificate, a PEM file")
	fs.StringVar(&tls.Key, "key", "", "key of the client certificate, a PEM file")
	fs.BoolVar(&tls.Insecure, "insecure", false, "accept any server certificate")
	group(fs, connectionGroup, "cacert", "cert", "key", "insecure")
	paths(fs, "cacert", "cert", "key")
}

// targets parses the addresses in args, or --url without args.
func (c *connection) targets(args []string, path string) ([]*url.URL, error) {
	c.named = len(args) > 0
	if !c.named {
		args = []string{c.url}
	}
	var targets []*url.URL
	for _, arg := range args {
		if !looksLikeAddress(arg) {
			return nil, usagef("%q does not look like an address; write http://%[1]s for a host of this name", arg)
		}
		u, err := client.ParseTarget(arg, path)
		if err != nil {
			return nil, usageError{err}
		}
		targets = append(targets, u)
	}
	return targets, nil
}

// looksLikeAddress reports whether arg is more than a word, such as help.
func looksLikeAddress(arg string) bool {
	return arg == "localhost" || !regexp.MustCompile(`^[A-Za-z][A-Za-z_-]*$`).MatchString(arg)
}

// open returns a client configured by the flags. It sends credentials to targets only.
func (c *connection) open(a *app, targets []*url.URL, conns int) (*client.Client, error) {
	header, fromFiles, err := c.header(a)
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		fromFiles = append(fromFiles, client.SecretsIn(t)...)
	}
	bearer, err := c.bearer(a.ctx, header)
	if err != nil {
		return nil, err
	}
	a.secrets = client.SecretsOf(header, fromFiles...)
	if bearer != nil {
		a.secrets = append(a.secrets, bearer.Secrets()...)
	}
	if a.foundURL && !c.named && (len(header) > 0 || c.tls.Cert != "" || bearer != nil) && len(targets) > 0 && targets[0].Host == hostOf(c.url) {
		return nil, usagef("url: an auto-discovered %s cannot choose the receiver of credentials; pass --url, or --config %[1]s to trust it", localConfig)
	}
	if c.fromPlan {
		if len(c.headers) > 0 || c.tokenFile != "" || c.tls.Cert != "" || bearer != nil {
			return nil, usagef("the url of a plan gets no credentials; name it on the command line: mcpdiag loadtest URL --plan FILE")
		}
		if len(header) > 0 {
			a.warn("MCPDIAG_TOKEN is not sent to the url of the plan; to send it, name the url on the command line")
			header = nil
		}
	}
	c.sent = header
	cfg := c.transport(a)
	cfg.Header, cfg.Origins, cfg.Conns, cfg.MaxConns = header, targets, conns, c.maxConns
	cfg.Bearer = bearer
	return client.New(cfg)
}

// bearer runs the command of --token-command, if there is one. Its token comes instead
// of that of MCPDIAG_TOKEN.
func (c *connection) bearer(ctx context.Context, header http.Header) (*client.Bearer, error) {
	if c.tokenCmd == "" {
		return nil, nil //nolint:nilnil // no bearer
	}
	for _, h := range c.headers {
		if name, _, _ := strings.Cut(h, ":"); strings.EqualFold(strings.TrimSpace(name), "Authorization") {
			return nil, usagef("--token-command and --header Authorization both give credentials: choose one")
		}
	}
	if c.tokenFile != "" {
		return nil, usagef("--token-command and --token-file both give a token: choose one")
	}
	header.Del("Authorization")
	bearer, err := client.NewBearer(ctx, c.tokenCmd)
	if err != nil {
		return nil, fmt.Errorf("--token-command: %w", err)
	}
	return bearer, nil
}

// maxPEM is the size of the largest file of --cacert, --cert and --key.
const maxPEM = 8 << 20

// trust returns the settings of TLS, whose files are read as those of other flags are.
func (a *app) trust(tls client.Config) client.Config {
	tls.Read = func(path string) ([]byte, error) { return a.readBytes(path, maxPEM) }
	return tls
}

func (a *app) warnInsecure(tls *client.Config) {
	if tls.Insecure {
		a.warn("--insecure: certificates are not checked, anyone on the way can read and change what is sent")
	}
}

// transport returns the configuration of a client that has no headers to send.
func (c *connection) transport(a *app) client.Config {
	a.warnInsecure(&c.tls)
	cfg := a.trust(c.tls)
	cfg.Timeout, cfg.MaxBody, cfg.Secrets, cfg.Agent = c.timeout, c.maxBody, a.secrets, "mcpdiag/"+version()
	if a.verbose {
		cfg.Log = func(line string) { a.debug("%s", line) }
	}
	return cfg
}

func hostOf(target string) string {
	u, err := client.ParseTarget(target, "")
	if err != nil {
		return ""
	}
	return u.Host
}

// header returns the headers of --header, --token-file and MCPDIAG_TOKEN, and the values read from files.
func (c *connection) header(a *app) (header http.Header, fromFiles []string, err error) {
	header = http.Header{}
	for i, h := range c.headers {
		name, value, ok := strings.Cut(h, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" {
			return nil, nil, usagef("--header: number %d is not 'Name: value' (not shown, since it may be a credential)", i+1)
		}
		if file, ok := strings.CutPrefix(value, "@"); ok {
			if value, err = secretFile(a, file); err != nil {
				return nil, nil, fmt.Errorf("reading --header %s: %w", name, err)
			}
			fromFiles = append(fromFiles, value)
		}
		if strings.ContainsAny(value, "\r\n") {
			return nil, nil, usagef("--header %s: the value has more than one line", name)
		}
		header.Add(name, value)
	}
	token := strings.TrimSpace(a.getenv("MCPDIAG_TOKEN"))
	if token != "" {
		fromFiles = append(fromFiles, token) // children inherit it, though another one may be sent
	}
	if c.tokenFile != "" {
		if token, err = secretFile(a, c.tokenFile); err != nil {
			return nil, nil, fmt.Errorf("reading --token-file: %w", err)
		}
	}
	if token != "" && header.Get("Authorization") == "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return header, fromFiles, nil
}

// secretFile reads the first line of a file, "-" being standard input.
func secretFile(a *app, path string) (string, error) {
	in, err := a.openInput(path)
	if err != nil {
		return "", err
	}
	defer in.Close() //nolint:errcheck // only read
	line, err := bufio.NewReader(io.LimitReader(in, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("%s: %w", inputName(path), report.Cause(err))
	}
	line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
	if line == "" {
		return "", fmt.Errorf("%s the first line is empty", inputName(path))
	}
	return line, nil
}
