package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

const defaultRunningTimeout = 30 * time.Second

// live compares the heap of a running process with itself, that of a JVM also with a file.
func (h *heaper) live(ctx context.Context, keep *heap.Keep) (*heap.Result, error) {
	if info, err := process.Lookup(h.running.pid); err == nil && heap.IsJVM(&info) {
		h.a.note("process %d stops for a collection each time", info.PID)
		return h.twice(ctx, fmt.Sprintf("process %d", info.PID), "txt", keep, func(ctx context.Context) ([]byte, error) { return heap.ClassHistogram(ctx, &info) })
	}
	if len(h.files) > 0 {
		return nil, errors.New("a file cannot be compared with the running process: Node.js numbers its objects anew when an inspector closes; compare the process with itself (--interval), or two files")
	}
	s, name, done, err := h.running.session(ctx, h.a)
	if err != nil {
		return nil, err
	}
	defer done()
	l := heap.Live{Session: s, Name: name, Interval: h.interval, Options: h.options, Available: process.Available(h.running.pid), Keep: keep, Note: h.a.note}
	return l.Run(ctx)
}

// fetch compares two heap profiles of a Go server.
func (h *heaper) fetch(ctx context.Context, keep *heap.Keep) (*heap.Result, error) {
	target, c, err := h.running.pprof(h.a, pprofPath, "gc", "1") // collect garbage first
	if err != nil {
		return nil, err
	}
	beside := *target
	beside.Path, beside.RawQuery = path.Join(path.Dir(target.Path), "goroutine"), ""
	var waiting []heap.Source // goroutines before and after
	res, err := h.twice(ctx, client.RedactURL(target), "pb.gz", keep, func(ctx context.Context) ([]byte, error) {
		if page, err := getProfile(ctx, c, &beside); err == nil { // it need not be there
			waiting = append(waiting, heap.TakenGoroutines(page, len(waiting)+1, keep))
		}
		return getProfile(ctx, c, target)
	})
	if err == nil && len(waiting) == 2 {
		err = res.AddGoroutines(waiting[0], waiting[1])
	}
	return res, err
}

// twice compares two heaps that take returns, or a file and one. They are stored with
// the extension ext.
func (h *heaper) twice(ctx context.Context, name, ext string, keep *heap.Keep, take func(context.Context) ([]byte, error)) (*heap.Result, error) {
	taken := func(name string, wait time.Duration) heap.Source {
		return heap.Taken(name, func() ([]byte, error) {
			select {
			case <-ctx.Done(): // an interrupt ends the interval, not the run
			case <-time.After(wait):
			}
			return take(context.WithoutCancel(ctx))
		})
	}
	first := keep.Source(taken(name, 0), "a."+ext)
	wait := h.interval
	if len(h.files) > 0 {
		first, wait = h.sources()[0], 0
	} else {
		name += ", later"
		defer h.a.countdown("comparing two heaps", h.interval)()
	}
	return heap.Run([]heap.Source{first, keep.Source(taken(name, wait), "b."+ext)}, h.options)
}

// sources returns the files.
func (h *heaper) sources() []heap.Source {
	var sources []heap.Source
	for _, file := range h.files {
		sources = append(sources, heap.Source{Name: file, Open: func() (io.ReadCloser, error) { return h.a.openInput(file) }})
	}
	return sources
}
