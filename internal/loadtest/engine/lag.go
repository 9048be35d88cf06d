package engine

import (
	"runtime"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// lagEvery is how often the generator looks how late its own timers are.
const lagEvery = 20 * time.Millisecond

// lagLimit is a lag that says that the generator has no time for its calls.
const lagLimit = 10 * time.Millisecond

// watchLag measures until quit is closed.
func watchLag(quit <-chan struct{}) *result.Histogram {
	var lag result.Histogram
	timer := time.NewTimer(lagEvery)
	defer timer.Stop()
	for {
		due := time.Now().Add(lagEvery)
		timer.Reset(lagEvery)
		select {
		case <-quit:
			return &lag
		case now := <-timer.C:
			_ = now // when it was sent, not when it was seen
			lag.Add(time.Since(due))
		}
	}
}

// generator is what lag says of the machine that makes the load.
func generator(lag *result.Histogram) *result.Generator {
	g := &result.Generator{CPUs: runtime.GOMAXPROCS(0)}
	if lag.Count() > 0 {
		l := lag.Latency(false)
		g.LagP50, g.LagP99 = l.P50, l.P99
		g.Limit = lag.Quantile(50) > lagLimit
	}
	return g
}
