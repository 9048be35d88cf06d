package poll

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Source says what to ask servers for, and how to read it. The rooms of the
// documents are below: this one knows whom to ask, and where.
type Source struct {
	Kind  string // "auto": what the answer looks like, or one of Kinds
	Names Names  // nil: the default ones

	mu    sync.Mutex
	found map[string]*url.URL // where the figures of a server are that has no snapshot
}

// paths are where servers have documents of each kind, in the order in which
// they are asked for.
var paths = []struct{ kind, path, query string }{
	{"snapshot", "/debug/snapshot", ""},
	{"prometheus", "/metrics", ""},
	{"expvar", "/debug/vars", ""},
	{"pprof", "/debug/pprof/heap", "debug=1"},
}

// Path is where a server that is named without a path is asked.
func (s *Source) Path() string { return paths[max(0, slices.Index(Kinds, s.Kind))].path }

// Once takes one snapshot of target. Its record has Poll set, also where the
// error says that there is no document.
func (s *Source) Once(ctx context.Context, c *client.Client, target *url.URL) (*snapshot.Snapshot, error) {
	p := &snapshot.Poll{At: snapshot.Time{Time: time.Now()}, Target: client.RedactURL(target)}
	doc, timing, err := s.get(ctx, c, target)
	p.LatencyMs = millis(time.Since(p.At.Time))
	if err != nil {
		err = noEndpoint(err)
		p.Error = err.Error()
		return &snapshot.Snapshot{Poll: p}, fmt.Errorf("polling %s: %w", p.Target, err)
	}
	p.DNSMs, p.ConnectMs, p.TLSMs = millis(timing.DNS), millis(timing.Connect), millis(timing.TLS)
	p.FirstByteMs = millis(timing.FirstByte)
	doc.Poll = p
	return doc, nil
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// get gets a document and reads it.
func (s *Source) get(ctx context.Context, c *client.Client, target *url.URL) (*snapshot.Snapshot, client.Timing, error) {
	s.mu.Lock()
	instead := s.found[target.String()]
	s.mu.Unlock()
	if instead != nil {
		target = instead
	}
	doc, timing, err := s.read(ctx, c, target)
	status, ok := errors.AsType[*client.StatusError](err)
	if !ok || status.Code != http.StatusNotFound && status.Code != http.StatusMethodNotAllowed || s.Kind != "auto" || target.Path != paths[0].path {
		return doc, timing, err
	}
	return s.search(ctx, c, target, err)
}

func (s *Source) read(ctx context.Context, c *client.Client, target *url.URL) (*snapshot.Snapshot, client.Timing, error) {
	if s.Kind == "pprof" && target.RawQuery == "" {
		u := *target
		u.RawQuery = "debug=1" // as text
		target = &u
	}
	res, err := c.Get(ctx, target.String())
	if err != nil {
		return nil, client.Timing{}, err
	}
	names := s.Names
	if names == nil {
		names = DefaultNames()
	}
	doc, err := decodeAs(s.Kind, res.Body, names)
	return doc, res.Timing, err
}

// search asks a server that has no snapshot for documents of the other kinds,
// and remembers where there is one. Where there is none, why tells.
func (s *Source) search(ctx context.Context, c *client.Client, target *url.URL, why error) (*snapshot.Snapshot, client.Timing, error) {
	for _, other := range paths[1:] {
		u := *target
		u.Path, u.RawQuery = other.path, other.query
		if doc, timing, err := s.read(ctx, c, &u); err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.found == nil {
				s.found = map[string]*url.URL{}
			}
			s.found[target.String()] = &u
			return doc, timing, nil
		}
	}
	return nil, client.Timing{}, why
}
