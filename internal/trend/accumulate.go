package trend

// minCounts is the least number of readings of a count that are judged.
const minCounts = minKept + 1

// Accumulates reports whether a count (of children, sockets, files, sessions)
// accumulates, and by how much: after the warm-up it never falls, rises in each
// third, and every step adds at least least per X. With a least of 0 the count may
// pause, but must grow by at least six in all.
func Accumulates(counts []Point, least float64) (grown float64, ok bool) {
	points := ordered(counts)
	if len(points) < minCounts {
		return 0, false
	}
	kept := cutWarmUp(points)
	for i := 1; i < len(kept); i++ {
		a, b := kept[i-1], kept[i]
		rise := least * (b.X - a.X)
		if least > 0 {
			rise = max(1, rise)
		}
		if b.Y-a.Y < rise {
			return 0, false
		}
	}
	grown = kept[len(kept)-1].Y - kept[0].Y
	return grown, (least > 0 || grown >= minKept) && thirdsRise(kept)
}
