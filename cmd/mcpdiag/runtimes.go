package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/diff"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// runtimes opens the runtimes of the server at an address: the inspectors of the
// processes of Node.js and the JVMs that listen there or that these started, if it is
// on this machine, and the pages of pprof of a Go server.
func (a *app) runtimes(ctx context.Context, target *url.URL, c *client.Client) (*live.Heap, error) {
	cfg := live.Config{Inspect: true}
	var members []process.ID
	if client.IsLoopback(target.Hostname()) {
		port, err := strconv.Atoi(cmp.Or(target.Port(), map[string]string{"http": "80", "https": "443"}[target.Scheme]))
		if err != nil {
			return nil, err
		}
		info, err := process.Listening(port)
		if err != nil {
			return nil, err
		}
		if members, err = process.Family(info.ID); err != nil {
			return nil, err
		}
	}
	page := url.URL{Scheme: target.Scheme, Host: target.Host, Path: "/debug/pprof/heap"}
	cfg.Pprof = live.PagesBeside(c, &page)
	return a.openRuntimes(ctx, members, cfg)
}

// openRuntimes opens the runtimes of processes, of which one at least must have a door.
func (a *app) openRuntimes(ctx context.Context, members []process.ID, cfg live.Config) (*live.Heap, error) {
	h := live.Open(ctx, members, cfg)
	if h.Known() {
		a.note("asking %s", h.Describe())
		return h, nil
	}
	var doubts []error
	for _, text := range h.Doubts {
		doubts = append(doubts, errors.New(text))
	}
	return nil, errors.Join(append(doubts, errors.New("the server has no runtime that can be asked: Node.js is asked by its inspector, Java by jcmd, a Go server by its /debug/pprof"))...)
}

// withHeap compares between two heaps of the server's runtime, and adds the growth to
// the result.
func (d *differ) withHeap(ctx context.Context, operands []string, targets []*url.URL) (*diff.Result, error) {
	h, err := d.a.runtimes(ctx, targets[0], d.client)
	if err != nil {
		return nil, fmt.Errorf("--heap: %w", err)
	}
	defer func() {
		if err := h.Close(ctx); err != nil {
			d.a.warn(err.Error())
		}
	}()
	var res *diff.Result
	explanation, err := h.Explain(ctx, live.Around{Note: d.a.note, Load: func(ctx context.Context) (int, error) {
		if res, err = d.compare(ctx, operands, targets); err != nil {
			return 0, err
		}
		return int(max(0, res.Calls)), nil
	}})
	if err != nil {
		return nil, err
	}
	if res.Kept = explanation.Kept(); res.Kept == "" {
		d.warnings = append(d.warnings, "by the heap of its runtime, "+explanation.Headline)
	}
	return res, nil
}
