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

	"golang.org/x/sync/errgroup"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Config configures a run.
type Config struct {
	Targets    []*url.URL
	Interval   time.Duration
	Count      int           // polls of each target; 0 is no limit
	Duration   time.Duration // of the run; 0 is no limit
	FailAfter  int           // consecutive failures of a target that end the run; 0 is never
	Alerts     []Alert
	UntilAlert bool    // end the run when an alert is crossed
	Source     *Source // documents to request; nil: snapshots
	Once       bool    // the result lists the calls in flight at the last poll
}

// Event is one poll: its record, whether the server restarted before it, and the alerts
// that it crossed or cleared.
type Event struct {
	Snapshot *snapshot.Snapshot
	Target   string // without secrets
	Restart  string // why the server seems to have restarted, or ""
	Crossed  []Crossing
	Cleared  []Alert
}

// Once takes one snapshot of target. Poll is set also in case of an error.
func Once(ctx context.Context, c *client.Client, target *url.URL) (*snapshot.Snapshot, error) {
	return (&Source{Kind: "snapshot"}).Once(ctx, c, target)
}

// noEndpoint explains a "not found": servers do not have the endpoint by themselves. At
// their MCP address the status is that of a bad request.
func noEndpoint(err error, asked *url.URL) error {
	status, ok := errors.AsType[*client.StatusError](err)
	if !ok || !slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusNotAcceptable}, status.Code) {
		return err
	}
	usual := ""
	if asked.Path != paths[0].path {
		usual = fmt.Sprintf("leave out %s if it has the usual %s; else ", report.Cell(asked.Path, 60), paths[0].path)
	}
	return fmt.Errorf("the server has no snapshot endpoint there (%s); %sput mcpdiag proxy in front of it, or paste the one of the README; monitor and loadtest work without it", status.Status, usual)
}

// Run polls until Duration or Count is reached, ctx ends, on returns an error, or no
// target has a name that exists. It passes each poll to on, one at a time. A failed poll
// is recorded, and its target polled again at the next tick.
func Run(ctx context.Context, cfg Config, c *client.Client, on func(Event) error) (*Result, error) {
	if cfg.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cfg.Duration)
		defer cancel()
	}
	r := newRun(cfg, c, on)
	group, ctx := errgroup.WithContext(ctx)
	for i, target := range cfg.Targets {
		group.Go(func() error { return r.follow(ctx, i, target) })
	}
	err := group.Wait()
	return r.result(err)
}

// run is the state of a Run. mu guards the result and on, which targets share.
type run struct {
	cfg    Config
	client *client.Client
	on     func(Event) error
	start  time.Time

	mu      sync.Mutex
	states  []*state
	targets []*Target
	alerts  []Crossing
	judged  map[int]bool // alerts, by index, whose figure is known
	listed  map[int]bool // alerts, by index, except on queues that no snapshot lists
}

func newRun(cfg Config, c *client.Client, on func(Event) error) *run {
	if cfg.Source == nil {
		cfg.Source = &Source{Kind: "snapshot"}
	}
	r := &run{cfg: cfg, client: c, on: on, start: time.Now(), judged: map[int]bool{}, listed: map[int]bool{}}
	for _, name := range names(cfg.Targets) {
		t := &Target{URL: name}
		r.targets = append(r.targets, t)
		r.states = append(r.states, &state{target: t, crossed: map[int]bool{}})
	}
	return r
}

// names returns the targets without secrets. Those that differ only in secrets get a
// number.
func names(targets []*url.URL) []string {
	var names []string
	seen := map[string]int{}
	for _, t := range targets {
		name := client.RedactURL(t)
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s#%d", name, seen[name])
		}
		names = append(names, name)
	}
	return names
}

// follow polls one target, tick by tick.
func (r *run) follow(ctx context.Context, i int, target *url.URL) error {
	clock := Schedule{Start: r.start.Add(r.stagger(i)), Interval: r.cfg.Interval}
	state := r.states[i]
	for n := 0; r.cfg.Count == 0 || n < r.cfg.Count; n++ {
		at, skipped := clock.Next(time.Now())
		if !sleepUntil(ctx, at) {
			return nil
		}
		s, err := r.cfg.Source.Once(ctx, r.client, target)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the run has ended; an interrupted poll does not count
		}
		s.Poll.Target = state.target.URL
		s.Poll.Skipped = skipped
		s.Poll.IntervalMs = report.InMillis(r.cfg.Interval)
		if err := r.record(state, s, err); err != nil {
			return err
		}
	}
	return nil
}

// stagger spreads the requests to many targets, which would delay each other.
func (r *run) stagger(i int) time.Duration {
	return time.Duration(i) * min(time.Millisecond, r.cfg.Interval/time.Duration(len(r.cfg.Targets)))
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Schedule gives the times of polls: tick k is at Start + k × Interval, independent of
// the duration of polls. A late poll skips the ticks that it missed.
type Schedule struct {
	Start    time.Time
	Interval time.Duration
	next     int64
}

// Next returns the next tick that has not passed at now, and the number of skipped ones.
func (s *Schedule) Next(now time.Time) (at time.Time, skipped int64) {
	k := s.next
	if late := now.Sub(s.Start); k > 0 && late > time.Duration(k)*s.Interval {
		k = int64((late + s.Interval - 1) / s.Interval)
	}
	skipped = k - s.next
	s.next = k + 1
	return s.Start.Add(time.Duration(k) * s.Interval), skipped
}
