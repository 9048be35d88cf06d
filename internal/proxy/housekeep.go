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
	tidyAfter = 4 << 20  // bytes of traffic after which there may be something to tidy
)

// tidy gives memory back from time to time, until ctx ends.
func tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	figures := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	tidied, again := uint64(0), false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(figures)
		held, allocated := figures[0].Value.Uint64()-figures[1].Value.Uint64(), figures[2].Value.Uint64()
		if busy := allocated-tidied > tidyAfter; held > tidyFrom && (busy || again) {
			debug.FreeOSMemory()
			tidied, again = allocated, busy // a stack shrinks by half each time
		}
	}
}
