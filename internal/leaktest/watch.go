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

// watch samples the server from outside while the run lasts, and its snapshot
// endpoint where it has one.
type watch struct {
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	start   time.Time
	series  trend.Series
	samples int
	now     float64 // MB of the tree
	peak    float64
	first   float64
	free    float64 // bytes of the machine
	limit   float64 // MB; beyond it onLimit is called
	onLimit func()
	mon     *monitor.Result
	err     error
}

var errMemory = errors.New("the server reached the memory limit of the test")

func newWatch(start time.Time, limit int64) *watch {
	return &watch{start: start, limit: float64(limit) / mib}
}

// follow begins to sample the process; rows go to csv.
func (w *watch) follow(ctx context.Context, pid int, csv io.Writer) {
	ctx, w.stop = context.WithCancel(ctx)
	w.wg.Go(func() {
		res, err := monitor.Run(ctx, monitor.Config{PID: pid, Interval: sampleEvery}, csv, w.sample)
		if errors.Is(err, process.ErrEnded) || errors.Is(err, fs.ErrNotExist) {
			err = nil // who loads the server tells how it ended
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
		w.first = s.RSSTotal
	}
	w.samples++
	w.now, w.peak, w.free = s.RSSTotal, max(w.peak, s.RSSTotal), s.Available
	w.series.Add(trend.Point{X: s.At.Sub(w.start).Seconds(), Y: s.RSSTotal})
	if w.onLimit != nil && w.limit > 0 && w.now > w.limit {
		w.onLimit()
	}
}

// poll asks the snapshot endpoint now and then; the polls themselves should not
// be the load.
func (w *watch) poll(ctx context.Context, cfg *Config, target *url.URL, out *snapshot.Writer) {
	ctx, cancel := context.WithCancel(ctx)
	before := w.stop
	w.stop = func() { cancel(); before() }
	w.wg.Go(func() {
		_, _ = poll.Run(ctx, poll.Config{Targets: []*url.URL{target}, Interval: pollEvery}, cfg.Client, func(e poll.Event) error {
			return out.Write(e.Snapshot)
		}) // what it does not get, others have
	})
}

const pollEvery = 250 * time.Millisecond

// guard calls onLimit when the memory goes beyond the limit, until it is told nil.
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

// end stops the sampling; all that was seen is there then.
func (w *watch) end() {
	if w.stop != nil {
		w.stop()
	}
	w.wg.Wait()
}

// readings is the memory over time: of each stretch the lowest and the highest.
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
