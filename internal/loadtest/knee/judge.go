package knee

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// A level is on the plateau if, compared with the best level before it,
const (
	plateauGain   = 1.05 // throughput grew by less than this
	plateauSlower = 1.2  // while the median latency grew by more than this,
	plateauLoss   = 0.9  // or throughput fell below this,
	plateauErrors = 0.1  // or more than this share of calls failed
)

// onPlateau returns the rule that puts s on the plateau whose height is best's
// throughput, or "".
func onPlateau(best, s Step) string {
	switch {
	case s.ErrorShare > plateauErrors:
		return "more than 10 % of the calls failed"
	case s.Throughput < s.Rate*plateauLoss:
		return "throughput stayed more than 10 % below the rate"
	case s.Throughput < best.Throughput*plateauLoss:
		return "throughput fell by more than 10 %"
	case s.Throughput < best.Throughput*plateauGain && s.P50 > best.P50*plateauSlower:
		return "throughput grew by less than 5 %, latency by more than 20 %"
	}
	return ""
}

// plateauStart returns the index of the first level of the plateau and that of the
// best level before it: no level of the plateau is better. first is -1 if there is
// no plateau.
func (k *Knee) plateauStart() (first, best int) {
	first = -1
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
	return first, best
}

// judge draws the conclusions from the steps.
func (k *Knee) judge() {
	k.Verdict = result.VerdictOK
	if i, best := k.plateauStart(); i > 0 && k.slope() > 0 {
		k.Plateau = k.describePlateau(i, best)
	}
	k.addWarnings()
	switch o := k.Objective; {
	case len(k.Steps) == 0 && k.Interrupted:
		k.Verdict, k.Reasons = result.VerdictWithheld, []string{"interrupted before a level was measured"}
	case len(k.Steps) == 0:
		k.Verdict, k.Reasons = result.VerdictFailed, []string{"no level was measured"}
	case k.Steps[0].ErrorShare == 1:
		k.Verdict, k.Reasons = result.VerdictFailed, []string{"no call succeeded"}
		k.Reasons = append(k.Reasons, result.MainFailure(k.Steps[0].Errors, k.Steps[0].Calls)...)
	case k.limited():
		k.Verdict = result.VerdictWithheld
		k.Reasons = append(k.Reasons, "the generator, not the server, was the limit: the figures of the highest load are not those of the server")
	case o != nil && len(k.contradicted()) > 0:
		k.Verdict = result.VerdictWithheld
		k.Reasons = append(k.Reasons, fmt.Sprintf("%s fails at %s and holds at a higher load, each measured more than once: the server or the machine is not steady; try a longer --step", o.Text, k.contradicted()[0]))
	case o != nil && o.LastPassing == nil && o.FirstFailing != nil:
		k.Verdict = result.VerdictCrossed
		k.Reasons = append(k.Reasons, fmt.Sprintf("%s does not hold at %s, the lowest load", o.Text, *o.FirstFailing))
	}
}

// limited reports whether the generator was the limit before the server was. On the
// plateau the server is at its limit already; with failing calls it does not matter.
func (k *Knee) limited() bool {
	return slices.ContainsFunc(k.Steps, func(s Step) bool {
		return s.Limit && !mostFailed(&s) && (k.Plateau == nil || s.Load() <= k.Plateau.At.Load())
	})
}

// describePlateau returns the plateau that begins at step i, after the best step. Its knee is where the
// two asymptotes of throughput meet: that of users served without waiting, and the
// height of the plateau.
func (k *Knee) describePlateau(i, best int) *Plateau {
	top, slope := k.height(), k.slope()
	p := &Plateau{At: k.Steps[i].Level, Why: k.course(i, best), Throughput: top, Knee: top / slope}
	if k.Steps[i].Rate > 0 {
		p.Knee = top
	}
	edge := near * top
	row := slices.IndexFunc(k.Steps, func(s Step) bool { return s.Throughput >= edge })
	if row < 0 {
		row = i
	}
	p.Measured, p.Low, p.High = k.Steps[row], k.Steps[0].Level, k.Steps[max(row, i)].Level
	for _, s := range k.Steps[:row] {
		if s.most() < edge {
			p.Low = s.Level
		}
	}
	for _, s := range k.Steps[row:max(row, i)] {
		if s.least() >= edge {
			p.High = s.Level
			break
		}
	}
	return p
}

// most returns the greatest throughput of a part of the measurement.
func (s *Step) most() float64 {
	if s.Parts == nil {
		return s.Throughput
	}
	return max(s.Parts.Greatest, s.Throughput)
}

// least returns the least throughput of a part of the measurement.
func (s *Step) least() float64 {
	if s.Parts == nil {
		return s.Throughput
	}
	return min(s.Parts.Least, s.Throughput)
}

// maxRuns bounds the runs of levels that course describes.
const maxRuns = 3

// course states the rules that put the levels from step i on the plateau, each with
// the levels for which it holds.
func (k *Knee) course(i, best int) string {
	var runs []string
	for i < len(k.Steps) {
		from, why := i, onPlateau(k.Steps[best], k.Steps[i])
		for i++; i < len(k.Steps) && onPlateau(k.Steps[best], k.Steps[i]) == why; i++ {
		}
		if len(runs) == maxRuns {
			runs = append(runs, "higher loads are no better")
			break
		}
		runs = append(runs, k.span(from, i-1)+", "+why)
	}
	return strings.Join(runs, "; ")
}

// span names the levels from one step to another.
func (k *Knee) span(from, to int) string {
	switch {
	case from == to:
		return fmt.Sprintf("at %s", k.Steps[from].Level)
	case to == len(k.Steps)-1:
		return fmt.Sprintf("from %s on", k.Steps[from].Level)
	}
	return fmt.Sprintf("from %.4g to %s", k.Steps[from].Load(), k.Steps[to].Level)
}

// near is the share of a maximum from which a value counts as being at it.
const near = 0.9

// height returns the throughput of the plateau: the median of the levels near the maximum.
func (k *Knee) height() float64 {
	return medianNearMax(k.Steps, func(s Step) float64 { return s.Throughput })
}

// slope returns the throughput of one user that is served without waiting.
func (k *Knee) slope() float64 {
	return medianNearMax(k.Steps, func(s Step) float64 { return s.Throughput / s.Load() })
}

func medianNearMax(steps []Step, of func(Step) float64) float64 {
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

// Little's law relates throughput, latency and the calls in flight. A deviation
// beyond littleSlack, over littleCalls or more, means that the generator counted wrong.
const (
	littleSlack = 0.1
	littleCalls = 100
)

func (k *Knee) addWarnings() {
	for _, s := range k.Steps {
		if s.Calls-s.Failed >= littleCalls && s.ErrorShare <= plateauErrors && math.Abs(s.Little-1) > littleSlack {
			k.Warnings = append(k.Warnings, fmt.Sprintf(
				"at %s throughput × latency is %.2f of the calls in flight instead of 1 (Little's law): the generator did not count steadily", s.Level, s.Little))
		}
		if s.Limit && mostFailed(&s) {
			k.Warnings = append(k.Warnings, fmt.Sprintf("at %s this machine was too busy to generate the load", s.Level))
		}
	}
	if first, _ := k.plateauStart(); k.Interrupted && k.Plateau != nil && len(k.Steps)-first <= confirmations {
		k.Warnings = append(k.Warnings, fmt.Sprintf("too few levels from %s on were measured to confirm the knee: it may be noise", k.Plateau.At))
	}
	last := len(k.Steps) - 1
	if k.Plateau == nil && last >= 0 && !k.Interrupted && !k.limited() && !mostFailed(&k.Steps[last]) {
		k.Warnings = append(k.Warnings, fmt.Sprintf("throughput still grew at %s: the knee is beyond; raise --max-users", k.Steps[last].Level))
	}
}
