package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/diff"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
)

func cpuProfileVar(fs *pflag.FlagSet, p *bool) {
	fs.BoolVar(p, "cpu-profile", false, "profile the CPU of the server under load, for the report: Node.js by its inspector on a loopback port, Go by /debug/pprof")
	group(fs, "Output", "cpu-profile")
}

// withHeap compares between two heaps of the server's runtime, and adds the growth to
// the result.
func (d *differ) withHeap(ctx context.Context, operands []string, targets []*url.URL) (*diff.Result, error) {
	h, err := live.OpenServer(ctx, targets[0], d.client)
	if err != nil {
		return nil, fmt.Errorf("--heap: %w", err)
	}
	d.a.note("asking %s", h.Describe())
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
