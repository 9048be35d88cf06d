package trend

import "math"

// curvature fits a parabola with orthogonal polynomials (Forsythe 1957). It returns
// the t (Student 1908) of the quadratic term, which is far below zero for readings
// that level off, and the slope at the end as a share of the slope at the
// beginning. A warm-up is smooth and bends from its start; a leak, however uneven,
// does not bend.
func curvature(points []Point) (t, share float64) {
	n := len(points)
	u, ys := make([]float64, n), values(points)
	mid, half := (points[0].X+points[n-1].X)/2, (points[n-1].X-points[0].X)/2
	for i, p := range points {
		u[i] = (p.X - mid) / half
	}
	m := mean(u)
	var p1, p2 = make([]float64, n), make([]float64, n)
	for i := range u {
		p1[i] = u[i] - m
	}
	a := dot3(u, p1, p1) / dot(p1, p1)
	b := dot(p1, p1) / float64(n)
	for i := range u {
		p2[i] = (u[i]-a)*p1[i] - b
	}
	level, c1, c2 := mean(ys), dot(ys, p1)/dot(p1, p1), dot(ys, p2)/dot(p2, p2)
	rest := make([]float64, n)
	for i, y := range ys {
		rest[i] = y - level - c1*p1[i] - c2*p2[i]
	}
	t = c2 / math.Sqrt(dot(rest, rest)/float64(n-3)/dot(p2, p2))
	if r := autocorrelation(rest, 1); r > 0 {
		t *= math.Sqrt((1 - r) / (1 + r))
	}
	slope := func(u float64) float64 { return c1 + c2*(2*u-m-a) }
	return t, slope(1) / slope(-1)
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func dot3(a, b, c []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i] * c[i]
	}
	return sum
}

// stopped reports whether the readings no longer rise at the end, for longer than
// any pause before: a cache is full, or the load ended. A leak in a runtime that
// allocates arenas pauses repeatedly.
func stopped(kept []Point, slope, noise float64) bool {
	n := len(kept)
	for k := 2; k <= n/3; k++ {
		if slope*(kept[n-1].X-kept[n-1-k].X) > stopNoise*noise && paused(kept, n-1, k, slope) && !pausedBefore(kept, k, slope) {
			return true
		}
	}
	return false
}

// pausedBefore reports whether the readings paused for k steps before the last k.
func pausedBefore(kept []Point, k int, slope float64) bool {
	for i := k; i < len(kept)-k; i++ {
		if paused(kept, i, k, slope) {
			return true
		}
	}
	return false
}

// paused reports whether the k steps up to i rose by less than stopShare of the slope.
func paused(kept []Point, i, k int, slope float64) bool {
	from, to := kept[i-k], kept[i]
	return to.Y-from.Y < stopShare*slope*(to.X-from.X)
}
