package trend

// Envelope returns the lower envelope of a series: the point with the least Y in
// each of n windows of equal width. A collector turns a steady level into a
// saw-tooth; its minima are the retained memory. The points must be sorted by X.
func Envelope(points []Point, n int) []Point {
	if len(points) == 0 || n < 1 {
		return nil
	}
	first, last := points[0].X, points[len(points)-1].X
	width := (last - first) / float64(n)
	var lows []Point
	window := -1
	for _, p := range points {
		at := n - 1
		if width > 0 {
			at = min(int((p.X-first)/width), n-1)
		}
		switch {
		case at != window:
			lows, window = append(lows, p), at
		case p.Y < lows[len(lows)-1].Y:
			lows[len(lows)-1] = p
		}
	}
	return lows
}
