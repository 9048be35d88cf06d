// Package poll takes snapshots of servers over time, on a schedule that does
// not drift.
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
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Config says what to poll, how often and for how long.
type Config struct {
	Targets    []*url.URL
	Interval   time.Duration
	Count      int           // polls of each target; 0 is no limit
	Duration   time.Duration // of the run; 0 is no limit
	FailAfter  int           // consecutive failures of a target that end the run; 0 is never
	Alerts     []Alert
	UntilAlert bool    // end the run when an alert is crossed
	Source     *Source // what to ask for; nil: snapshots
}

// Event is one poll: its record, what the server did since the one before, and
// the alerts that were crossed or are over.
type Event struct {
	Snapshot *snapshot.Snapshot
	Target   string // as it may be shown
	Restart  string // why the server is thought to have restarted, or ""
	Crossed  []Crossing
	Over     []Alert
}

// Once takes one snapshot of target. Its record has Poll set, also where the
// error says that there is no document.
func Once(ctx context.Context, c *client.Client, target *url.URL) (*snapshot.Snapshot, error) {
	return (&Source{Kind: "snapshot"}).Once(ctx, c, target)
}

// noEndpoint says of a "not found" what it means here: servers do not have the
// endpoint by themselves. At the address where they speak MCP they call it a bad request.
func noEndpoint(err error) error {
	status, ok := errors.AsType[*client.StatusError](err)
	if ok && slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusNotAcceptable}, status.Code) {
		return fmt.Errorf("the server has no snapshot endpoint there (%s); put mcpdiag proxy in front of it, or paste the one of the README; monitor and loadtest work without it", status.Status)
	}
	return err
}

// Run polls until its time is up, its count is reached, ctx ends or on returns
// an error. It hands each poll to on, one at a time. A target that fails is
// recorded and asked again at the next tick.
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

// run is the state of one Run. mu guards what targets share: the result and on.
type run struct {
	cfg    Config
	client *client.Client
	on     func(Event) error
	start  time.Time

	mu      sync.Mutex
	targets []*Target
	alerts  []Crossing
	judged  map[int]bool // alerts, by index, whose figure some snapshot gave
}

func newRun(cfg Config, c *client.Client, on func(Event) error) *run {
	if cfg.Source == nil {
		cfg.Source = &Source{Kind: "snapshot"}
	}
	r := &run{cfg: cfg, client: c, on: on, start: time.Now(), judged: map[int]bool{}}
	for _, name := range names(cfg.Targets) {
		r.targets = append(r.targets, &Target{URL: name})
	}
	return r
}

// names are the targets as they may be shown. Those that differ only in what
// may not be shown get a number.
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
	state := &state{target: r.targets[i], crossed: map[int]bool{}}
	for n := 0; r.cfg.Count == 0 || n < r.cfg.Count; n++ {
		at, skipped := clock.Next(time.Now())
		if !sleepUntil(ctx, at) {
			return nil
		}
		s, err := r.cfg.Source.Once(ctx, r.client, target)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the run is over; a poll that it cut off says nothing of the server
		}
		s.Poll.Target = state.target.URL
		s.Poll.Skipped = skipped
		s.Poll.IntervalMs = float64(r.cfg.Interval) / float64(time.Millisecond)
		if err := r.record(state, s, err); err != nil {
			return err
		}
	}
	return nil
}

// stagger keeps many targets from being asked in the same instant, so that the
// latencies are the servers' and not our own.
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

// Schedule says when to poll: tick k is Start + k × Interval, whatever the
// polls before it took. A poll that comes late skips the ticks it missed.
type Schedule struct {
	Start    time.Time
	Interval time.Duration
	next     int64
}

// Next returns the next tick that is not over at now, and how many were skipped.
func (s *Schedule) Next(now time.Time) (at time.Time, skipped int64) {
	k := s.next
	if late := now.Sub(s.Start); k > 0 && late > time.Duration(k)*s.Interval {
		k = int64((late + s.Interval - 1) / s.Interval)
	}
	skipped = k - s.next
	s.next = k + 1
	return s.Start.Add(time.Duration(k) * s.Interval), skipped
}
