package main

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/poll"
)

// sourceFlags are the flags of a command that takes snapshots.
type sourceFlags struct {
	kind    choice
	metrics []string
}

func (s *sourceFlags) addFlags(cmd *cobra.Command, fs *pflag.FlagSet) {
	choiceVar(cmd, fs, &s.kind, "source", "document to request; auto requests metrics if there is no snapshot",
		append([]string{"auto"}, poll.Kinds...)...)
	fs.StringArrayVar(&s.metrics, "metric", nil, "map a metric to a field, 'activeSessions=myapp_sessions'; repeatable")
	group(fs, "Source", "source", "metric")
	foundMaySet(fs, "source", "metric")
}

// source returns the source that the flags select.
func (s *sourceFlags) source() (*poll.Source, error) {
	names := poll.DefaultNames()
	for _, metric := range slices.Backward(s.metrics) { // each goes before those that were there
		if err := names.Add(metric); err != nil {
			return nil, usageError{err}
		}
	}
	return &poll.Source{Kind: s.kind.value, Names: names}, nil
}

// besideMCP returns the address of the snapshot on a server whose MCP endpoint was named,
// and says so; other addresses stay.
func (a *app) besideMCP(target *url.URL, path string) *url.URL {
	u := poll.BesideMCP(target, path)
	if u != target {
		a.note("%s is an MCP endpoint; the snapshot is taken at %s", client.RedactURL(target), client.RedactURL(u))
	}
	return u
}

// defaultTarget returns the address of the only running proxy if no target was named
// and nothing listens at the default address.
func (a *app) defaultTarget(ctx context.Context, url string) (string, error) {
	if url != defaultURL || listens(ctx, strings.TrimPrefix(defaultURL, "http://")) {
		return url, nil
	}
	running, err := a.proxies()
	if err != nil || len(running) == 0 {
		return url, err
	}
	if len(running) > 1 {
		var urls []string
		for _, e := range running {
			urls = append(urls, e.URL+" ("+e.Server()+")")
		}
		return "", usagef("several proxies run; name one: %s", strings.Join(urls, ", "))
	}
	a.note("the proxy at %s, before %s", running[0].URL, running[0].Server())
	return running[0].URL, nil
}

// listens reports whether a local server accepts connections at addr.
func listens(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = c.Close() // nothing was sent
	return true
}
