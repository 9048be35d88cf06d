package leaktest

import (
	"context"
	"io"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/flame"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/conduct"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

const (
	cpuTime = 5 * time.Second // of load that is profiled
	cpuFile = "cpu.svg"
)

// profileCPU profiles the server under a last load, after all verdicts, which the profile cannot
// disturb then.
func (r *run) profileCPU(ctx context.Context) {
	if !r.cfg.CPUProfile || len(r.conductor.Phases) == 0 || r.conductor.Ended != "" || ctx.Err() != nil {
		return
	}
	r.report(conduct.Progress{Phase: r.conductor.Phases[0].ID, State: "cpu"})
	hot, err := r.hot(ctx)
	if err != nil {
		r.warn("the server has no CPU profile: " + err.Error())
		return
	}
	r.res.CPU = hot
	if r.out.write(cpuFile, func(w io.Writer) error { _, err := w.Write(hot.Picture); return err }) == nil {
		r.out.files.CPU = cpuFile
	}
}

func (r *run) hot(ctx context.Context) (*stacks.Hot, error) {
	p := r.conductor.Phases[0]
	task := r.conductor.TaskOf(p)
	if task.Select != nil {
		task.Select()
	}
	r.load.OpenStanding(ctx, &task.Operation)
	defer r.load.CloseStanding(context.WithoutCancel(ctx))
	n := fewestExplained
	if last := len(p.Rounds) - 1; last >= 0 {
		n = max(n, int(p.Rounds[last].Throughput*cpuTime.Seconds()))
	}
	recording, stop := context.WithCancel(ctx)
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		defer stop()
		r.guarded(recording, &task.Operation, n)
	}()
	profiles, err := r.heap.CPU(recording, 2*cpuTime)
	stop()
	<-loaded
	if err != nil {
		return nil, err
	}
	return flame.Hot("CPU of the server under load", profiles...)
}
