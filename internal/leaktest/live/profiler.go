package live

import (
	"context"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/flame"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Profiler records the CPU profile of a server while it is under load.
type Profiler struct {
	Target *url.URL // of a server that was not started
	Client *client.Client
	Note   func(format string, args ...any)
	Warn   func(texts ...string)

	child    atomic.Pointer[launch.Child] // the first that was started
	stop     context.CancelFunc
	recorded chan struct{} // closed when the recording has ended
	profiles [][]byte
	err      error
}

// maxCPUProfile bounds the time that is recorded.
const maxCPUProfile = 30 * time.Second

// Started takes a process of a server that a command starts.
func (p *Profiler) Started(child *launch.Child) { p.child.CompareAndSwap(nil, child) }

// Ending ends the recording before the first process ends, which it does with its session.
func (p *Profiler) Ending(child *launch.Child) {
	if p.stop != nil && p.child.Load() == child {
		p.stop()
		<-p.recorded
	}
}

// Around profiles the server while load runs. A load whose profile is missing is not lost:
// that is a warning.
func (p *Profiler) Around(ctx context.Context, load func(context.Context) error) (*stacks.Hot, error) {
	h, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	p.Note("asking %s", h.Describe())
	recording, stop := context.WithCancel(ctx)
	p.stop, p.recorded = stop, make(chan struct{})
	go func() {
		defer close(p.recorded)
		p.profiles, p.err = h.CPU(recording, maxCPUProfile)
		if err := h.Close(ctx); err != nil {
			p.Warn(err.Error())
		}
	}()
	err = load(ctx)
	stop()
	<-p.recorded
	if err != nil {
		return nil, err
	}
	var hot *stacks.Hot
	if p.err == nil {
		hot, p.err = flame.Hot("CPU of the server under load", p.profiles...)
	}
	if p.err != nil {
		p.Warn("the server has no CPU profile: " + p.err.Error())
	}
	return hot, nil
}

func (p *Profiler) open(ctx context.Context) (*Heap, error) {
	if child := p.child.Load(); child != nil {
		return openFamily(ctx, child.Info.ID, Config{Inspect: true})
	}
	return OpenServer(ctx, p.Target, p.Client)
}
