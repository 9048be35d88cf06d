package trend

import "slices"

// Step is a jump from one level to another that stays.
type Step struct {
	X    float64 `json:"x"`
	Size float64 `json:"sizeMB"`
}

const (
	stepSide  = 3   // readings on each side of a step
	stepNoise = 4.0 // times the noise
)

// Steps finds jumps of the level: places where the medians of the three readings
// before and after differ by more than four times the noise of consecutive
// differences, after removing the drift of a slope. Of adjacent steps it reports
// the one with the largest rise.
func Steps(points []Point) []Step {
	steps := []Step{}
	rises := differences(points)
	noise, drift := max(mad(rises), limitMB/stepNoise), stepSide*Median(rises)
	at, most := 0, 0.0 // of the last step
	for i := stepSide; i+stepSide <= len(points); i++ {
		before, after := Median(values(points[i-stepSide:i])), Median(values(points[i:i+stepSide]))
		jump := after - before
		size := jump - drift
		if min(abs(size), abs(jump)) < stepNoise*noise || size*jump < 0 {
			continue
		}
		s := Step{X: points[i].X, Size: size}
		rise := abs(points[i].Y - points[i-1].Y)
		if last := len(steps) - 1; last >= 0 && i-at < stepSide {
			if rise > most {
				steps[last], most, at = s, rise, i
			}
			continue
		}
		most, at = rise, i
		steps = append(steps, s)
	}
	return steps
}

func differences(points []Point) []float64 {
	var d []float64
	for i := 1; i < len(points); i++ {
		d = append(d, points[i].Y-points[i-1].Y)
	}
	return d
}

func abs(v float64) float64 { return max(v, -v) }

// plateau returns the share of the span, at its end, without growth: a series that
// rises, however slowly, is on a plateau while it rises by less than stopShare of its
// slope, any other one while it stays within the limit of a leak.
func (j *Judgement) plateau(points []Point) float64 {
	noise := max(noiseFactor*mad(differences(points)), limitMB/stepNoise)
	slope, band, rising := j.Rate.Bytes/bytesPerMB, max(j.Limit, noise), j.Growth > noise
	last := points[len(points)-1]
	from, high := last.X, last.Y
	for _, p := range slices.Backward(points) {
		high = max(high, p.Y)
		if rising {
			band = stopShare * slope * (last.X - p.X)
		}
		if high-p.Y <= band {
			from = p.X
		} else if !rising {
			break
		}
	}
	return (last.X - from) / (last.X - points[0].X)
}

// Linearity returns R², the share of the variance that a straight line explains
// (ordinary least squares): 1 when all points are on the line.
func Linearity(points []Point) float64 {
	points = ordered(points)
	var mx, my, xx, yy, xy float64
	for _, p := range points {
		mx, my = mx+p.X/float64(len(points)), my+p.Y/float64(len(points))
	}
	for _, p := range points {
		xx += (p.X - mx) * (p.X - mx)
		yy += (p.Y - my) * (p.Y - my)
		xy += (p.X - mx) * (p.Y - my)
	}
	if r2 := xy / xx * xy / yy; finite(r2) {
		return r2
	}
	return 0
}
