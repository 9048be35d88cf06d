package proxy

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Connections that are idle do not allocate, so nothing would have the stacks
// that their last request grew shrink, or the memory go back to the system.
const (
	tidyEvery = 5 * time.Second
	tidyFrom  = 64 << 20 // bytes below which it is not worth a collection
)

// tidy gives memory back from time to time, until ctx ends.
func tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	held := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if metrics.Read(held); held[0].Value.Uint64()-held[1].Value.Uint64() > tidyFrom {
			debug.FreeOSMemory()
		}
	}
}
