package heap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
	"github.com/mcpdiag/mcpdiag/internal/inspect"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
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
	Available int64                            // memory of the machine that is free; 0 if unknown
	Note      func(format string, args ...any) // receives progress

	Profile []byte // the sampling profile, after Run
}

// Run takes two snapshots and samples the allocations between them. Snapshots are read
// while they stream: they are not stored.
func (l *Live) Run(ctx context.Context) (*Result, error) {
	s := l.Session
	usage, err := s.Usage(ctx)
	if err != nil {
		return nil, err
	}
	if need := usage.Heap; l.Available > 0 && 2*need > l.Available {
		return nil, fmt.Errorf("a snapshot of %s may need as much memory again, and only %s are free: it could end the process", size(float64(need)), size(float64(l.Available)))
	}
	l.Note("the process stops while each of two snapshots of %s is taken", size(float64(usage.Heap)))
	var a *graph.Summary
	if err := l.snapshot(ctx, func(r io.Reader) (err error) { a, err = graph.Summarize(r); return err }); err != nil {
		return nil, err
	}
	sites, err := l.sample(ctx)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	var b *graph.Graph
	if err := l.snapshot(ctx, func(r io.Reader) (err error) { b, err = graph.Read(r, l.Memory); return err }); err != nil {
		return nil, err
	}
	res := Compare(a, b, l.Operations)
	res.A = &Side{Name: l.Name, Format: read.HeapSnapshot, Objects: a.Total.Count, Bytes: a.Total.Bytes}
	res.B = Side{Name: l.Name + ", later", Format: read.HeapSnapshot, Objects: b.Total.Count, Bytes: b.Total.Bytes}
	res.Sites = sites
	if text := res.sampled(); text != "" {
		res.Headline += "; " + text
	}
	return res, nil
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
	case len(r.Holders) > 0 && r.Holders[0].Judged && len(r.Sites) > 0:
		return r.Holders[0].sentence() + "; " + r.sampled()
	case len(r.Holders) > 0 && r.Holders[0].Judged:
		return r.Holders[0].sentence()
	case len(r.Sites) > 0 && r.Sites[0].Judged:
		return r.Sites[0].sentence()
	}
	return ""
}

// snapshot reads a snapshot while the process writes it.
func (l *Live) snapshot(ctx context.Context, parse func(io.Reader) error) error {
	if err := l.Session.Collect(ctx); err != nil {
		return err
	}
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := l.Session.Snapshot(ctx, w)
		_ = w.CloseWithError(err) // it returns nil
		done <- err
	}()
	err := parse(r)
	_ = r.CloseWithError(errors.New("the snapshot is not read to its end")) // it returns nil
	if sent := <-done; err == nil {
		err = sent
	}
	if err != nil {
		return fmt.Errorf("reading a heap snapshot of %s: %w", l.Name, err)
	}
	return nil
}

// sample waits while allocations are sampled and returns the lines whose memory is
// still held after a collection.
func (l *Live) sample(ctx context.Context) ([]Site, error) {
	if err := l.Session.StartSampling(ctx); err != nil {
		return nil, err
	}
	if err := l.between(ctx); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // an interrupt ends the interval, not the run
	if err := l.Session.Collect(ctx); err != nil {
		return nil, err
	}
	data, err := l.Session.StopSampling(ctx)
	if err != nil {
		return nil, err
	}
	l.Profile = data
	in, err := read.Open(bytes.NewReader(data), "the sampling profile")
	if err != nil {
		return nil, err
	}
	p, err := in.Profile(read.Options{Lines: true})
	if err != nil {
		return nil, err
	}
	p.Period = inspect.SamplingInterval
	return CompareProfiles(nothing(p), Profile{Bytes: p}, l.Operations).Sites, nil
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
