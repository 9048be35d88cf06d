package engine

import (
	"runtime"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// lagEvery is the interval of the timer whose delay is measured.
const lagEvery = 20 * time.Millisecond

// lagLimit is the median delay from which the generator counts as too busy.
const lagLimit = 10 * time.Millisecond

// lagSamples is how many delays a judgement needs: half a second of them.
const lagSamples = 25

// watchLag measures the delay of timers until quit is closed.
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
		case <-timer.C:
			lag.Add(time.Since(due))
		}
	}
}

// generator returns the figures of the machine that generates the load.
func generator(lag *result.Histogram) *result.Generator {
	g := &result.Generator{CPUs: runtime.GOMAXPROCS(0)}
	if lag.Count() > 0 {
		l := lag.Latency(false)
		g.LagP50, g.LagP99 = l.P50, l.P99
		g.Limit = lag.Count() >= lagSamples && lag.Quantile(50) > lagLimit
	}
	return g
}
