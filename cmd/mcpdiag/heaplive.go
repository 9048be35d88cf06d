package main

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

const defaultRunningTimeout = 30 * time.Second

// live compares the heap of a running process of Node.js with itself.
func (h *heaper) live(ctx context.Context) (*heap.Result, error) {
	s, name, done, err := h.running.session(ctx, h.a)
	if err != nil {
		return nil, err
	}
	defer done()
	l := heap.Live{Session: s, Name: name, Interval: h.interval, Options: h.options, Available: process.Available(h.running.pid), Note: h.a.note}
	return l.Run(ctx)
}

// fetch compares two heap profiles of a Go server.
func (h *heaper) fetch(ctx context.Context) (*heap.Result, error) {
	target, c, err := h.running.pprof(h.a, "/debug/pprof/heap", "gc", "1") // collect garbage first
	if err != nil {
		return nil, err
	}
	source := func(name string, wait time.Duration) heap.Source {
		return heap.Source{Name: name, Open: func() (io.ReadCloser, error) {
			select {
			case <-ctx.Done(): // an interrupt ends the interval, not the run
			case <-time.After(wait):
			}
			data, err := getProfile(context.WithoutCancel(ctx), c, target)
			return io.NopCloser(bytes.NewReader(data)), err
		}}
	}
	name := client.RedactURL(target)
	defer h.a.countdown("comparing two heap profiles", h.interval)()
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
