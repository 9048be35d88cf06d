package heap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/inspect"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Live compares the heap of a running process of Node.js with itself.
type Live struct {
	Session  *inspect.Session
	Name     string
	Interval time.Duration // between the two snapshots
	// Load, if set, is called between them instead of waiting. It returns the
	// number of operations.
	Load func(ctx context.Context) (int, error)
	Options
	Keep      *Keep                            // nil: nothing is stored
	Available int64                            // memory of the machine that is free; 0 if unknown
	Note      func(format string, args ...any) // receives progress

	Profile []byte // the sampling profile, after Run
}

// Run takes two snapshots and samples the allocations between them. They are read while
// they stream, and stored only by Keep.
func (l *Live) Run(ctx context.Context) (*Result, error) {
	usage, err := l.Session.Usage(ctx)
	if err != nil {
		return nil, err
	}
	if need := usage.Heap; l.Available > 0 && 2*need > l.Available {
		return nil, fmt.Errorf("a snapshot of %s may need as much memory again, and only %s are free: it could end the process", size(float64(need)), size(float64(l.Available)))
	}
	l.Note("the process stops while each of two snapshots of %s is taken", size(float64(usage.Heap)))
	later := l.snapshot(context.WithoutCancel(ctx), l.Name+", later") // an interrupt ends the interval, not the run
	take := later.Open
	later.Open = func() (io.ReadCloser, error) {
		if err := l.sample(ctx); err != nil {
			return nil, err
		}
		return take()
	}
	profile := Taken("the sampling profile", func() ([]byte, error) { return l.Profile, nil })
	return run([]Source{
		l.Keep.Source(l.snapshot(ctx, l.Name), "a.heapsnapshot"), l.Keep.Source(later, "b.heapsnapshot"), l.Keep.Source(profile, "allocations.heapprofile"),
	}, &l.Options)
}

// sampled says which sampled allocation that stays is the largest, "" if there is none.
func (r *Result) sampled() string {
	if len(r.Sites) == 0 {
		return ""
	}
	return "the largest of the sampled allocations that stay was made in " + r.Sites[0].Name
}

// Kept returns in a sentence the memory kept per operation, and where it was allocated;
// "" if there is none.
func (r *Result) Kept() string {
	switch {
	case len(r.Goroutines) > 0 && r.Goroutines[0].Judged:
		return r.Goroutines[0].waiting()
	case len(r.Holders) > 0 && r.Holders[0].Judged && len(r.Sites) > 0:
		return r.Holders[0].sentence() + "; " + r.sampled()
	case len(r.Holders) > 0 && r.Holders[0].Judged:
		return r.Holders[0].sentence()
	case r.larger() != nil && len(r.Sites) > 0:
		return r.larger().sentence() + "; " + r.sampled()
	case len(r.Sites) > 0 && r.Sites[0].Judged:
		return r.Sites[0].sentence()
	}
	if judged, sentence := r.first(); judged && r.byClass {
		return sentence
	}
	return ""
}

// snapshot returns a source that the process writes while it is read.
func (l *Live) snapshot(ctx context.Context, name string) Source {
	return Source{Name: name, Open: func() (io.ReadCloser, error) {
		if err := l.Session.Collect(ctx); err != nil {
			return nil, err
		}
		r, w := io.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = w.CloseWithError(l.Session.Snapshot(ctx, w)) // it returns nil
		}()
		return &stream{r, done}, nil
	}}
}

// stream is a snapshot that is being written.
type stream struct {
	*io.PipeReader
	done chan struct{} // closed when the session is free again
}

func (s *stream) Close() error {
	_ = s.CloseWithError(errors.New("the snapshot is not read to its end")) // it returns nil
	<-s.done
	return nil
}

// sample waits while allocations are sampled and gets the profile of those that are
// still held after a collection.
func (l *Live) sample(ctx context.Context) error {
	if err := l.Session.StartSampling(ctx); err != nil {
		return err
	}
	if err := l.between(ctx); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := l.Session.Collect(ctx); err != nil {
		return err
	}
	var err error
	l.Profile, err = l.Session.StopSampling(ctx)
	return err
}

// between waits, or loads the process.
func (l *Live) between(ctx context.Context) (err error) {
	if l.Load != nil {
		l.Note("sampling allocations under load")
		l.Operations, err = l.Load(ctx)
		return err
	}
	l.Note("sampling allocations for %s", report.Duration(l.Interval))
	select {
	case <-ctx.Done():
	case <-time.After(l.Interval):
	}
	return nil
}
