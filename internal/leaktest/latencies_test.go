package leaktest

import (
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// A round has the latencies of all its waves and of its calls in standing
// sessions, not only those of the last wave.
func TestLatencyOfAllWaves(t *testing.T) {
	t.Parallel()
	wave := func(d time.Duration, n int) batch {
		b := batch{done: int64(n)}
		for range n {
			b.latencies.add(d)
		}
		return b
	}
	var round batch
	round.add(wave(10*time.Millisecond, 60))
	round.add(wave(200*time.Millisecond, 30))
	round.add(wave(1*time.Millisecond, 10))
	got := round.latencies.summary()
	for name, c := range map[string]struct{ got, want float64 }{
		"p50": {got.P50, 10}, "p90": {got.P90, 200}, "max": {got.Max, 200},
	} {
		if c.got < c.want*0.999 || c.got > c.want*1.001 {
			t.Errorf("%s is %v ms, want %v", name, c.got, c.want)
		}
	}
	if n := round.latencies.h.TotalCount(); n != 100 {
		t.Errorf("%d latencies, want 100", n)
	}
	if empty := (&latencies{}).summary(); empty != nil {
		t.Errorf("no latencies: %+v", empty)
	}
}

// The histogram of a load test adds up with others.
func TestLatencyOfALoadTest(t *testing.T) {
	t.Parallel()
	if l := latenciesOf(&result.Latency{Histogram: "not a histogram"}); l.summary() != nil {
		t.Errorf("%+v", l.summary())
	}
}
