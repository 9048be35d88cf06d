package trend

import (
	"fmt"
	"math"
	"slices"
)

// stairs are steps that become larger and rarer in proportion to the level, as the storage of an
// array or a table does that holds ever more numbers: V8 makes an array half as large again, and
// a table twice as large. Over any span few of them are most of the growth.
type stairs struct {
	factor float64 // of a step over the one before, and of the time to it
	rate   Slope   // in MB per X, from one full storage to the next
	next   float64 // X by which another step comes if it grows on
}

const (
	leastFactor = 1.2
	mostFactor  = 2.3
	agreement   = 1.15 // largest ratio of factors that count as one
	stairNoise  = 25.0 // times the stillness of the readings that a step exceeds: 8 times their noise
	flatShare   = 0.3  // of the last step, by which it may grow between the steps
)

// stair is a step between two consecutive readings.
type stair struct {
	from, to Point
	at       int // of to
}

func (s stair) size() float64 { return s.to.Y - s.from.Y }

// gapTo returns the least and the largest distance to a later step: each is somewhere between two
// readings.
func (s stair) gapTo(later stair) (least, most float64) {
	return later.from.X - s.to.X, later.to.X - s.from.X
}

// stairsOf returns the stairs that the last three steps make. There are none if another step is
// overdue.
func stairsOf(points []Point, limit float64) (s stairs, ok bool) {
	steps := lastSteps(points, max(limit/3, stairNoise*stillness(points)))
	if len(steps) < 3 {
		return s, false
	}
	a, b, c := steps[0], steps[1], steps[2]
	last := points[len(points)-1]
	first, second := b.size()/a.size(), c.size()/b.size()
	s.factor = math.Sqrt(first * second)
	short, long := a.gapTo(b)
	shorter, longer := b.gapTo(c)
	s.next = c.to.X + s.factor*agreement*longer
	switch {
	case s.factor < leastFactor, s.factor > mostFactor, max(first/second, second/first) > agreement:
		return s, false // their sizes are in no proportion
	case longer < s.factor/agreement*short, shorter > s.factor*agreement*long, c.at-a.at < 3:
		return s, false // nor are their distances
	case last.X > s.next, abs(last.Y-a.to.Y-b.size()-c.size()) > flatShare*c.size():
		return s, false
	}
	rise := c.from.Y - a.from.Y
	least, most := a.gapTo(c)
	s.rate = Slope{Estimate: rise / ((least + most) / 2), Low: rise / most, High: rise / least}
	return s, true
}

// stillness returns a difference of consecutive readings that a quarter of them are below: early
// readings may all be steps.
func stillness(points []Point) float64 {
	changes := differences(points)
	for i := range changes {
		changes[i] = abs(changes[i])
	}
	return quantile(slices.Sorted(slices.Values(changes)), 0.25)
}

// lastSteps returns the last three rises above a size.
func lastSteps(points []Point, above float64) (steps []stair) {
	for i := len(points) - 1; i > 0 && len(steps) < 3; i-- {
		if s := (stair{points[i-1], points[i], i}); s.size() > above {
			steps = append([]stair{s}, steps...)
		}
	}
	return steps
}

// climb calls growth in stairs a leak, which the other checks take for one or two jumps.
func (j *Judgement) climb(points []Point) {
	s, ok := stairsOf(points, j.Limit)
	if !ok || j.Span == 0 || s.rate.Estimate*j.Span <= j.Limit {
		return
	}
	if j.NextStep = s.next; j.Verdict == Leak {
		return
	}
	j.Verdict, j.Slowing, j.Bends = Leak, false, false
	j.Rate = Rate{s.rate.Estimate * bytesPerMB, s.rate.Low * bytesPerMB, s.rate.High * bytesPerMB}
	j.Growth = s.rate.Estimate * j.Span
	j.Reasons = []Reason{{Code: Stairs, Leak: true, Text: fmt.Sprintf(
		"it grows in steps, each %.1f times as large and as far away as the one before: storage, such as that of an array or a table, which is replaced when it is full", s.factor)}}
}
