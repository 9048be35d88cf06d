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
	Options
	Available int64                            // memory of the machine that is free; 0 if unknown
	Note      func(format string, args ...any) // receives progress
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
	res.B = Side{Name: l.Name + ", " + report.Duration(l.Interval) + " later", Format: read.HeapSnapshot, Objects: b.Total.Count, Bytes: b.Total.Bytes}
	res.Sites = sites
	if len(sites) > 0 {
		res.Headline += "; the largest of the sampled allocations that stay was made in " + sites[0].Name
	}
	return res, nil
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
	l.Note("sampling allocations for %s", report.Duration(l.Interval))
	select {
	case <-ctx.Done():
	case <-time.After(l.Interval):
	}
	ctx = context.WithoutCancel(ctx) // an interrupt ends the interval, not the run
	if err := l.Session.Collect(ctx); err != nil {
		return nil, err
	}
	data, err := l.Session.StopSampling(ctx)
	if err != nil {
		return nil, err
	}
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
