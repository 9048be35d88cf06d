package loadtest

import (
	"runtime"
	"time"
)

// lagEvery is how often the generator looks how late its own timers are.
const lagEvery = 20 * time.Millisecond

// lagLimit is a lag that says that the generator has no time for its calls.
const lagLimit = 10 * time.Millisecond

// watchLag measures until quit is closed.
func watchLag(quit <-chan struct{}) *histogram {
	var lag histogram
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
			lag.add(time.Since(due))
		}
	}
}

// generator is what lag says of the machine that makes the load.
func generator(lag *histogram) *Generator {
	g := &Generator{CPUs: runtime.GOMAXPROCS(0)}
	if lag.count() > 0 {
		l := lag.latency(false)
		g.LagP50, g.LagP99 = l.P50, l.P99
		g.Limit = lag.quantile(50) > lagLimit
	}
	return g
}
