package engine

import (
	"sync"
	"time"
)

// sample is one call that counts.
type sample struct {
	at      time.Duration // of the (intended) start, since the run began
	end     time.Duration
	latency time.Duration // from the intended start
	service time.Duration // from the sending
	first   time.Duration // from the sending to the first byte; 0 where it is not known
	sent    int64
	bytes   int64 // of the answer
	user    int
	step    int
	due     bool     // calls come at a rate: latency and service differ
	failure *failure // nil where it succeeded
}

// recorder keeps the samples of one user until the collector takes them. Its
// lock is the user's own: the collector comes by a few times a second.
type recorder struct {
	mu      sync.Mutex
	samples []sample
	into    *collector
}

// batch is how many samples a user keeps at most.
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

// flush hands the samples over; r.mu is held.
func (r *recorder) flush() {
	if len(r.samples) == 0 {
		return
	}
	r.into.take(r.samples)
	clear(r.samples)
	r.samples = r.samples[:0]
}
