package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/inspect"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// attach opens the inspector of a process that mcpdiag did not start and compares its
// heap with itself. The inspector is closed again in any case.
func (h *heaper) attach(ctx context.Context) (*heap.Result, error) {
	if !h.consent {
		return nil, usagef("--pid opens the inspector of the process on a loopback port; for two snapshots the process stops, and its memory may double. If that is acceptable, add --attach")
	}
	s, err := heap.Attach(ctx, h.pid)
	if err != nil {
		return nil, err
	}
	h.a.note("the inspector of process %d is open on %s", h.pid, s.Address())
	defer func() {
		if err := s.End(ctx); err != nil {
			h.a.warn(err.Error())
		}
	}()
	pid, err := s.PID(ctx)
	if err != nil {
		return nil, err
	}
	if pid != h.pid {
		return nil, fmt.Errorf("the inspector on %s belongs to process %d, not %d", s.Address(), pid, h.pid)
	}
	return h.live(ctx, s, fmt.Sprintf("process %d", h.pid))
}

// inspector compares the heap of a process whose inspector is open already, and leaves it open.
func (h *heaper) inspector(ctx context.Context) (*heap.Result, error) {
	s, err := inspect.Dial(ctx, h.address)
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // the result is complete
	return h.live(ctx, s, h.address)
}

func (h *heaper) live(ctx context.Context, s *inspect.Session, name string) (*heap.Result, error) {
	l := heap.Live{Session: s, Name: name, Interval: h.interval, Options: h.options, Note: h.a.note}
	l.Available = h.available()
	return l.Run(ctx)
}

// available returns the memory that is free for the process, within the limit of its
// container; 0 if that is unknown.
func (h *heaper) available() int64 {
	system, err := process.ReadSystem()
	if err != nil {
		return 0
	}
	free := float64(system.Available)
	if info, err := process.Lookup(h.pid); err == nil {
		if tree, err := process.Open(info.ID); err == nil {
			defer tree.Close()
			detail := process.NoDetail()
			tree.ReadCounts(&detail)
			if room := detail.GroupLimit - detail.Group; room < free { // false if there is no limit
				free = room
			}
		}
	}
	return int64(max(free, 1))
}

// fetch compares two heap profiles of a Go server.
func (h *heaper) fetch(ctx context.Context) (*heap.Result, error) {
	target, err := client.ParseTarget(h.conn.url, "/debug/pprof/heap")
	if err != nil {
		return nil, usageError{err}
	}
	query := target.Query()
	if !query.Has("gc") {
		query.Set("gc", "1") // collect garbage first
		target.RawQuery = query.Encode()
	}
	c, err := h.conn.open(h.a, []*url.URL{target}, 1)
	if err != nil {
		return nil, err
	}
	source := func(name string, wait time.Duration) heap.Source {
		return heap.Source{Name: name, Open: func() (io.ReadCloser, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(wait):
			}
			resp, err := c.Get(ctx, target.String())
			if err != nil {
				return nil, err
			}
			return io.NopCloser(bytes.NewReader(resp.Body)), nil
		}}
	}
	name := client.RedactURL(target)
	h.a.note("comparing two heap profiles, %s apart", h.interval)
	return heap.Run([]heap.Source{source(name, 0), source(name+", later", h.interval)}, h.options)
}

// files compares two files, or describes one.
func (h *heaper) files(args []string) (*heap.Result, error) {
	var sources []heap.Source
	for _, arg := range args {
		sources = append(sources, heap.Source{Name: arg, Open: func() (io.ReadCloser, error) {
			in, _, err := h.a.openInput(arg)
			return in, err
		}})
	}
	return heap.Run(sources, h.options)
}
