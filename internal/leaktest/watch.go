package leaktest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/monitor"
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// watch samples the server from outside during the run, and its snapshot endpoint
// if it has one.
type watch struct {
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	start   time.Time
	begun   time.Time // of the first sample
	series  trend.Series
	samples int
	now     float64 // MB of the tree
	peak    float64
	first   float64
	limit   float64 // MB; above it onLimit is called
	onLimit func()
	mon     *monitor.Result
	err     error
}

var errMemory = errors.New("the server reached the memory limit of the test")

func newWatch(start time.Time, limit int64) *watch {
	return &watch{start: start, limit: float64(limit) / mib}
}

// follow starts to sample the process. Rows go to csv.
func (w *watch) follow(ctx context.Context, pid int, csv io.Writer) {
	ctx, w.stop = context.WithCancel(ctx)
	w.wg.Go(func() {
		res, err := monitor.Run(ctx, monitor.Config{Target: process.Target{PID: pid}, Interval: sampleEvery, Unjudged: true}, csv, w.sample)
		if errors.Is(err, process.ErrEnded) || errors.Is(err, fs.ErrNotExist) {
			err = nil // the conductor reports how it ended
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.mon, w.err = res, err
	})
}

func (w *watch) sample(s *monitor.Sample) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.samples == 0 {
		w.begun, w.first = s.At, s.RSSTotal
	}
	w.samples++
	w.now, w.peak = s.RSSTotal, max(w.peak, s.RSSTotal)
	w.series.Add(trend.Point{X: s.At.Sub(w.start).Seconds(), Y: s.RSSTotal})
	if w.onLimit != nil && w.limit > 0 && w.now > w.limit {
		w.onLimit()
	}
}

// poll records the snapshot endpoint, slowly: the polls must not be the load.
func (w *watch) poll(ctx context.Context, cfg *Config, target *url.URL, out *snapshot.Writer) {
	ctx, cancel := context.WithCancel(ctx)
	before := w.stop
	w.stop = func() { cancel(); before() }
	w.wg.Go(func() {
		_, _ = poll.Run(ctx, poll.Config{Targets: []*url.URL{target}, Interval: pollEvery}, cfg.Client, func(e poll.Event) error {
			return out.Write(e.Snapshot)
		}) // the trace is a by-product: its errors do not end the run
	})
}

const pollEvery = 250 * time.Millisecond

// guard sets the function that is called when memory exceeds the limit, nil for none.
func (w *watch) guard(onLimit func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onLimit = onLimit
}

func (w *watch) memory() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// missed returns the share of the samples that are missing.
func (w *watch) missed() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.samples == 0 {
		return 0
	}
	return max(0, 1-float64(w.samples)*float64(sampleEvery)/float64(time.Since(w.begun)))
}

// end stops the sampling and waits for the last sample.
func (w *watch) end() {
	if w.stop != nil {
		w.stop()
	}
	w.wg.Wait()
}

// warnings returns the doubts about the samples.
func (w *watch) warnings() []string {
	if w.mon == nil {
		return nil
	}
	return w.mon.Warnings
}

// readings returns the memory over time: the lowest and highest of each bin.
func (w *watch) readings() []Reading {
	var all []Reading
	for _, b := range w.series.Bins() {
		all = append(all, Reading{T: round3(b.Low.X), MB: round3(b.Low.Y)})
		if b.High > b.Low.Y {
			all = append(all, Reading{T: round3(b.LastPoint.X), MB: round3(b.High)})
		}
	}
	return all
}

func round3(v float64) float64 { return float64(int64(v*1000+0.5)) / 1000 }
