package gather

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// MaxAlso limits the dependencies of a run.
const MaxAlso = 10

// Dependency is a server that the examined one depends on.
type Dependency struct {
	Name string
	URL  *url.URL // tcp, tls, http or https
}

var alsoName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,30}$`)

// ParseDependency reads NAME=tcp://host:port, or with tls, http or https.
func ParseDependency(text string) (Dependency, error) {
	name, address, ok := strings.Cut(text, "=")
	u, err := url.Parse(address)
	switch {
	case !ok || !alsoName.MatchString(name):
		return Dependency{}, fmt.Errorf("invalid value %q: write NAME=tcp://host:port", client.Redact(text))
	case err != nil || u.Hostname() == "":
		return Dependency{}, fmt.Errorf("invalid address of %s: write tcp://host:port, tls://host:port or https://host/path", name)
	case (u.Scheme == "tcp" || u.Scheme == "tls") && u.Port() != "":
	case u.Scheme == "http" || u.Scheme == "https":
	default:
		return Dependency{}, fmt.Errorf("invalid address of %s: %s needs a port, and only tcp, tls, http and https are known", name, client.RedactURL(u))
	}
	return Dependency{name, u}, nil
}

// also reaches for each dependency: name, connection, TLS and, for HTTP, the status.
func (g *gatherer) also(ctx context.Context) {
	found := make([]facts.AlsoFact, len(g.Also))
	var wait sync.WaitGroup
	for i, d := range g.Also {
		wait.Go(func() { found[i] = g.reach(ctx, d) })
	}
	wait.Wait()
	g.f.Also = found
}

func (g *gatherer) reach(ctx context.Context, d Dependency) facts.AlsoFact {
	a := facts.AlsoFact{Name: d.Name, Target: client.RedactURL(d.URL)}
	target := *d.URL
	if target.Scheme == "tls" {
		target.Scheme = "https" // for the handshake alone
	}
	below := &gatherer{Options: Options{Target: &target, Client: g.anonymous, TLS: g.TLS, Deadline: g.Deadline}, f: &facts.Facts{}, started: g.started, until: g.until}
	below.network(ctx)
	a.Network = below.f.Network
	if !below.reachable() || d.URL.Scheme != "http" && d.URL.Scheme != "https" {
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, facts.RequestTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL.String(), nil)
	if err != nil {
		return a
	}
	x := g.anonymous.WithAllow(nil).Record(ctx, r, 1)
	if a.Status = x.Status; x.Status == 0 && x.Err != nil {
		a.Failed = report.Line(g.hide(x.Err.Error()))
	}
	return a
}
