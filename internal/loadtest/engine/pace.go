package engine

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
)

// pace computes when the calls of a stage with a rate are due. It has no clock: the
// n-th call is due when the integral of the rate reaches n.
type pace struct {
	from, to float64       // calls per second, before and after the ramp
	ramp     time.Duration // duration of the ramp
	random   *rand.Rand    // for a Poisson process; nil is even
	sum      float64       // calls due before the next one
}

// next returns when the next call is due, since the beginning of the stage.
func (p *pace) next() time.Duration {
	at := p.at(p.sum)
	if p.random != nil {
		p.sum += p.random.ExpFloat64()
	} else {
		p.sum++
	}
	return at
}

// at returns when n calls have been due.
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

// window returns when user u is active in a closed stage, since its beginning. Users
// start one after the other as their number grows; the last to start stop first as it
// shrinks.
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
