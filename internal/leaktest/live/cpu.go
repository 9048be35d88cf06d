package live

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"
)

// CPU records the CPU profiles of all processes until ctx ends, for limit at most.
func (h *Heap) CPU(ctx context.Context, limit time.Duration) ([][]byte, error) {
	taken, errs := make([][][]byte, len(h.doors)), make([]error, len(h.doors))
	var wg sync.WaitGroup
	for i, d := range h.doors {
		wg.Go(func() { taken[i], errs[i] = d.cpu(ctx, limit) })
	}
	wg.Wait()
	var profiles [][]byte
	for i, d := range h.doors {
		if errs[i] != nil {
			errs[i] = fmt.Errorf("the CPU profile of %s: %w", d.describe(), errs[i])
			continue
		}
		profiles = append(profiles, taken[i]...)
	}
	if len(profiles) > 0 {
		return profiles, nil
	}
	return nil, errors.Join(append(errs, errNoProfile)...)
}

var errNoProfile = errors.New("no process gave a CPU profile: Node.js gives one by its inspector, a Go server by the page /debug/pprof/profile")

func (n *node) cpu(ctx context.Context, limit time.Duration) ([][]byte, error) {
	data, err := n.session.CPUProfile(ctx, limit)
	return [][]byte{data}, err
}

// pageTime is the time that one page of Go records, of which the last one is not cut
// short: its length is fixed when it is asked for.
const pageTime = 2 * time.Second

func (g *goRuntime) cpu(ctx context.Context, limit time.Duration) (pages [][]byte, err error) {
	seconds := fmt.Sprint(pageTime.Seconds())
	for taken := time.Duration(0); taken < limit && (taken == 0 || ctx.Err() == nil); taken += pageTime {
		data, err := g.get(context.WithoutCancel(ctx), "profile", url.Values{"seconds": {seconds}})
		if err != nil {
			return pages, err
		}
		pages = append(pages, data)
	}
	return pages, nil
}

func (p *python) cpu(context.Context, time.Duration) ([][]byte, error) {
	return nil, errors.New("py-spy records one, which mcpdiag flame reads")
}

func (j *jvm) cpu(context.Context, time.Duration) ([][]byte, error) {
	return nil, errors.New("async-profiler records one as collapsed stacks, which mcpdiag flame reads")
}
