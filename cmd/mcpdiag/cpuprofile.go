package main

import (
	"context"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/flame"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/engine"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

func cpuProfileVar(fs *pflag.FlagSet, p *bool) {
	fs.BoolVar(p, "cpu-profile", false, "profile the CPU of the server under load, for the report: Node.js by its inspector on a loopback port, Go by /debug/pprof")
	group(fs, "Output", "cpu-profile")
}

// cpuProfiler profiles the server of a load test.
type cpuProfiler struct {
	a      *app
	on     bool
	target *url.URL // of a server that was not started
	client *client.Client

	child    atomic.Pointer[process.Child] // the first that was started
	stop     context.CancelFunc
	recorded chan struct{} // closed when the recording has ended
	profiles [][]byte
	err      error
}

// maxCPUProfile bounds the time that is recorded.
const maxCPUProfile = 30 * time.Second

// prepare lets the command be profiled. Its first process ends with its session, so
// the recording ends before.
func (c *cpuProfiler) prepare(o *engine.Options) {
	if !c.on || len(o.Command) == 0 {
		return
	}
	o.Env = live.Environment(nil, nil)
	o.Started = func(child *process.Child) { c.child.CompareAndSwap(nil, child) }
	o.Ending = func(child *process.Child) {
		if c.stop != nil && c.child.Load() == child {
			c.stop()
			<-c.recorded
		}
	}
}

// around profiles the server while a load runs.
func (c *cpuProfiler) around(ctx context.Context, load func(context.Context) (*result.Result, error)) (*result.Result, error) {
	if !c.on {
		return load(ctx)
	}
	h, err := c.runtimes(ctx)
	if err != nil {
		return nil, err
	}
	recording, stop := context.WithCancel(ctx)
	c.stop, c.recorded = stop, make(chan struct{})
	go func() {
		defer close(c.recorded)
		c.profiles, c.err = h.CPU(recording, maxCPUProfile)
		if err := h.Close(ctx); err != nil {
			c.a.warn(err.Error())
		}
	}()
	res, err := load(ctx)
	stop()
	<-c.recorded
	if err != nil {
		return nil, err
	}
	if c.err == nil {
		res.CPU, c.err = flame.Hot("CPU of the server under load", c.profiles...)
	}
	if c.err != nil {
		c.a.warn("the server has no CPU profile: " + c.err.Error())
	}
	return res, nil
}

func (c *cpuProfiler) runtimes(ctx context.Context) (*live.Heap, error) {
	if child := c.child.Load(); child != nil {
		members, err := process.Family(child.Info.ID)
		if err != nil {
			return nil, err
		}
		return c.a.openRuntimes(ctx, members, live.Config{Inspect: true})
	}
	return c.a.runtimes(ctx, c.target, c.client)
}
