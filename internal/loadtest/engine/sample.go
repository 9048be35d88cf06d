package engine

import (
	"sync"
	"time"
)

// sample is the measurement of one call.
type sample struct {
	at      time.Duration // (intended) start since the beginning of the run
	end     time.Duration
	latency time.Duration // from the intended start
	service time.Duration // from the request
	first   time.Duration // from the request to the first byte; 0 if unknown
	sent    int64
	bytes   int64 // of the answer
	user    int
	step    int
	due     bool     // open model: latency and service differ
	failure *failure // nil for a successful call
}

// recorder buffers the samples of one user. Its lock is hardly contended: the
// collector empties it a few times per second.
type recorder struct {
	mu      sync.Mutex
	samples []sample
	into    *collector
}

// batch is the size of the buffer.
const batch = 32

func (r *recorder) add(s *sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, *s)
	if len(r.samples) >= batch {
		r.flush()
	}
}

func (r *recorder) collect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flush()
}

// flush hands the samples to the collector. The caller holds r.mu.
func (r *recorder) flush() {
	if len(r.samples) == 0 {
		return
	}
	r.into.add(r.samples)
	clear(r.samples)
	r.samples = r.samples[:0]
}
