package engine

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
)

// pace is when the calls of a stage with a rate are due. It knows no clock: the
// n-th call is due when the rate, from its beginning, adds up to n.
type pace struct {
	from, to float64       // calls a second, before and after the ramp
	ramp     time.Duration // how long the rate takes from from to to
	random   *rand.Rand    // of a Poisson process; nil is even
	sum      float64       // calls that were due before the next
}

// next is when the next call is due, from the beginning of the stage.
func (p *pace) next() time.Duration {
	at := p.at(p.sum)
	if p.random != nil {
		p.sum += p.random.ExpFloat64()
	} else {
		p.sum++
	}
	return at
}

// at is when n calls were due: where the area under the rate is n.
func (p *pace) at(n float64) time.Duration {
	ramp := p.ramp.Seconds()
	inRamp := (p.from + p.to) / 2 * ramp
	if n >= inRamp {
		return time.Duration((ramp + (n-inRamp)/p.to) * float64(time.Second))
	}
	// from·t + (to−from)·t²/(2·ramp) = n, in the form that holds for a slope of 0 too.
	slope := (p.to - p.from) / ramp
	t := 2 * n / (p.from + math.Sqrt(p.from*p.from+2*slope*n))
	if n == 0 {
		t = 0
	}
	return time.Duration(t * float64(time.Second))
}

// window is when user u takes part in a closed stage, from its beginning:
// users come one after the other as their number grows, and the last to come
// go first as it shrinks.
func window(before int, stage *plan.Stage, u int) (from, to time.Duration, ok bool) {
	share := func(n, of int) time.Duration {
		return time.Duration(float64(stage.RampUp) * float64(n) / float64(of))
	}
	switch {
	case u < min(before, stage.Users):
		return 0, stage.Duration, true
	case u < stage.Users:
		return share(u-before, stage.Users-before), stage.Duration, true
	case u < before && stage.RampUp > 0:
		return 0, share(before-u, before-stage.Users), true
	}
	return 0, 0, false
}
