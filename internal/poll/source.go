package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Source says which documents to request from servers, and how to read them.
type Source struct {
	Kind    string // "auto": detected from the answer, or one of Kinds
	Names   Names  // nil: DefaultNames
	Collect bool   // make a Go server collect garbage before its pprof heap is read

	mu    sync.Mutex
	found map[string]*url.URL // documents of servers that have no snapshot
}

// paths are the paths of the documents of each kind, in the order of requests.
var paths = []struct{ kind, path, query string }{
	{"snapshot", "/debug/snapshot", ""},
	{"prometheus", "/metrics", ""},
	{"expvar", "/debug/vars", ""},
	{"pprof", "/debug/pprof/heap", "debug=1"},
}

// Path returns the path for addresses without one.
func (s *Source) Path() string { return paths[max(0, slices.Index(Kinds, s.Kind))].path }

// BesideMCP returns target, or the address of the document at instead on its server if
// the path of target ends as that of an MCP endpoint.
func BesideMCP(target *url.URL, instead string) *url.URL {
	if last := path.Base(target.Path); last != "mcp" && last != "sse" {
		return target
	}
	return &url.URL{Scheme: target.Scheme, User: target.User, Host: target.Host, Path: instead}
}

// Once takes one snapshot of target. Poll is set also in case of an error, with the
// address that was requested.
func (s *Source) Once(ctx context.Context, c *client.Client, target *url.URL) (*snapshot.Snapshot, error) {
	p := &snapshot.Poll{At: snapshot.Time{Time: time.Now()}, Target: client.RedactURL(target)}
	doc, asked, timing, err := s.get(ctx, c, target)
	p.Target = client.RedactURL(asked)
	p.LatencyMs = report.InMillis(time.Since(p.At.Time))
	if err != nil {
		err = noEndpoint(err, asked)
		p.Error = err.Error()
		return &snapshot.Snapshot{Poll: p}, fmt.Errorf("polling %s: %w", p.Target, err)
	}
	p.DNSMs, p.ConnectMs, p.TLSMs = report.InMillis(timing.DNS), report.InMillis(timing.Connect), report.InMillis(timing.TLS)
	p.FirstByteMs = report.InMillis(timing.FirstByte)
	doc.Poll = p
	return doc, nil
}

// get requests a document, and returns the address that it came from.
func (s *Source) get(ctx context.Context, c *client.Client, target *url.URL) (*snapshot.Snapshot, *url.URL, client.Timing, error) {
	s.mu.Lock()
	asked := cmp.Or(s.found[target.String()], s.address(target))
	s.mu.Unlock()
	doc, timing, err := s.read(ctx, c, asked)
	status, ok := errors.AsType[*client.StatusError](err)
	if !ok || status.Code != http.StatusNotFound && status.Code != http.StatusMethodNotAllowed || s.Kind != "auto" || asked.Path != paths[0].path {
		return doc, asked, timing, err
	}
	for _, other := range paths[1:] {
		u := *target
		u.Path, u.RawQuery = other.path, s.query(other.query)
		if doc, timing, err := s.read(ctx, c, &u); err == nil {
			s.remember(target, &u)
			return doc, &u, timing, nil
		}
	}
	return nil, asked, client.Timing{}, err
}

// address returns target with the query that its kind needs.
func (s *Source) address(target *url.URL) *url.URL {
	if s.Kind != "pprof" || target.RawQuery != "" {
		return target
	}
	u := *target
	u.RawQuery = s.query("debug=1") // as text
	return &u
}

func (s *Source) query(query string) string {
	if s.Collect && query != "" {
		return "gc=1&" + query
	}
	return query
}

func (s *Source) remember(target, instead *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found == nil {
		s.found = map[string]*url.URL{}
	}
	s.found[target.String()] = instead
}

func (s *Source) read(ctx context.Context, c *client.Client, target *url.URL) (doc *snapshot.Snapshot, timing client.Timing, err error) {
	defer report.Rescue(&err)
	res, err := c.Get(ctx, target.String())
	if err != nil {
		return nil, client.Timing{}, err
	}
	names := s.Names
	if names == nil {
		names = DefaultNames()
	}
	doc, err = decodeAs(s.Kind, res.Body, names)
	return doc, res.Timing, err
}
