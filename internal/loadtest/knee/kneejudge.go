package knee

import (
	"fmt"
	"math"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// A level is on the plateau when, against the best level before it,
const (
	plateauGain   = 1.05 // throughput grew by less than this
	plateauSlower = 1.2  // while the median latency grew by more than this,
	plateauLoss   = 0.9  // or throughput fell below this,
	plateauErrors = 0.1  // or more than this share of calls failed
)

// onPlateau says why s is on the plateau that best is the height of, or "".
func onPlateau(best, s Step) string {
	switch {
	case s.ErrorShare > plateauErrors:
		return fmt.Sprintf("%.0f %% of the calls failed", 100*s.ErrorShare)
	case s.Throughput < s.Rate*plateauLoss:
		return "throughput stayed more than 10 % below the rate"
	case s.Throughput < best.Throughput*plateauLoss:
		return "throughput fell by more than 10 %"
	case s.Throughput < best.Throughput*plateauGain && s.P50 > best.P50*plateauSlower:
		return "throughput grew by less than 5 %, latency by more than 20 %"
	}
	return ""
}

// plateau is the index of the first level of the plateau, -1 where there is
// none: from it on no level is better than the best before it.
func (k *Knee) plateau() int {
	best := 0
	first := -1
	for i := 1; i < len(k.Steps); i++ {
		s := k.Steps[i]
		if onPlateau(k.Steps[best], s) == "" {
			first = -1
		} else if first < 0 {
			first = i
		}
		if first < 0 && s.Throughput > k.Steps[best].Throughput {
			best = i
		}
	}
	return first
}

// judge says what the steps come to.
func (k *Knee) judge() {
	k.Verdict = result.VerdictOK
	if i := k.plateau(); i > 0 && k.slope() > 0 {
		k.Plateau = k.plateauAt(i)
	}
	k.doubts()
	switch o := k.Objective; {
	case len(k.Steps) == 0:
		k.Verdict, k.Reasons = result.VerdictFailed, []string{"no level was measured"}
	case k.Steps[0].ErrorShare == 1:
		k.Verdict, k.Reasons = result.VerdictFailed, []string{"no call succeeded"}
	case k.limited():
		k.Verdict = result.VerdictWithheld
		k.Reasons = append(k.Reasons, "the generator, not the server, was the limit: what is said of the most load is not the server's")
	case o != nil && len(k.contradicted()) > 0:
		k.Verdict = result.VerdictWithheld
		k.Reasons = append(k.Reasons, fmt.Sprintf("%s fails at %s and holds at a greater load, each measured more than once: the server or the machine is not steady; a longer --step may tell", o.Text, k.contradicted()[0]))
	case o != nil && o.LastPassing == nil && o.FirstFailing != nil:
		k.Verdict = result.VerdictCrossed
		k.Reasons = append(k.Reasons, fmt.Sprintf("%s does not hold at %s, the least load", o.Text, *o.FirstFailing))
	}
}

// limited reports whether the generator was the limit before the server was.
// On the plateau the server is at its limit already.
func (k *Knee) limited() bool {
	return slices.ContainsFunc(k.Steps, func(s Step) bool {
		return s.Limit && (k.Plateau == nil || s.Load() <= k.Plateau.At.Load())
	})
}

// plateauAt is the plateau that begins at step i. Where the two asymptotes of a
// server's throughput meet, the one of users that are served unhindered and
// the height of the plateau, is its knee.
func (k *Knee) plateauAt(i int) *Plateau {
	top, slope := k.height(), k.slope()
	p := &Plateau{At: k.Steps[i].Level, Why: onPlateau(k.best(i), k.Steps[i]), Throughput: top, Knee: top / slope}
	if k.Steps[i].Rate > 0 {
		p.Knee = top
	}
	p.Low, p.High = k.Steps[0].Level, k.Steps[i].Level
	for _, s := range k.Steps[:i] {
		if s.Load() <= p.Knee {
			p.Low = s.Level
		}
	}
	for _, s := range slices.Backward(k.Steps) {
		if s.Load() >= p.Knee {
			p.High = s.Level
		}
	}
	return p
}

func (k *Knee) best(before int) Step {
	return slices.MaxFunc(k.Steps[:before], func(a, b Step) int { return compareFloat(a.Throughput, b.Throughput) })
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// near is what counts as being at a height: within a tenth of it, noise is small against that.
const near = 0.9

// height is the throughput of the plateau: the median of the levels at it.
func (k *Knee) height() float64 {
	return medianNearMost(k.Steps, func(s Step) float64 { return s.Throughput })
}

// slope is the throughput of one user that is served unhindered.
func (k *Knee) slope() float64 {
	return medianNearMost(k.Steps, func(s Step) float64 { return s.Throughput / s.Load() })
}

func medianNearMost(steps []Step, of func(Step) float64) float64 {
	most := 0.0
	for _, s := range steps {
		most = max(most, of(s))
	}
	var values []float64
	for _, s := range steps {
		if v := of(s); v >= near*most {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// Little's law ties throughput, latency and the calls in flight together: where
// it does not hold, it is the generator that counts wrong.
const littleSlack = 0.1

func (k *Knee) doubts() {
	for _, s := range k.Steps {
		if s.Calls-s.Failed >= 100 && s.ErrorShare <= plateauErrors && math.Abs(s.Little-1) > littleSlack {
			k.Warnings = append(k.Warnings, fmt.Sprintf(
				"at %s throughput × latency is %.2f of the calls in flight, which Little's law has at 1: the generator was not counting steadily", s.Level, s.Little))
		}
	}
	last := len(k.Steps) - 1
	if k.Plateau == nil && last >= 0 && !k.Interrupted && !k.limited() {
		k.Warnings = append(k.Warnings, fmt.Sprintf("throughput still grew at %s: the knee lies beyond; --max-users allows more", k.Steps[last].Level))
	}
}
