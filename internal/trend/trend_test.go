package trend

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Examples worked by hand, or taken from the books.
func TestTheilSenAndMannKendall(t *testing.T) {
	line := []Point{{0, 1}, {1, 3}, {2, 5}, {3, 7}, {4, 90}} // the last is wild
	if s, ok := TheilSen(line); !ok || s.Estimate != 2 {
		t.Errorf("slope %+v, want 2", s)
	}
	k := MannKendall([]Point{{1, 10}, {2, 15}, {3, 14}, {4, 20}}) // five pairs rise, one falls
	if k.S != 4 || !near9(k.Var, 4.0*3*13/18) {
		t.Errorf("S %v, Var %v; want 4 and 4·3·13/18", k.S, k.Var)
	}
	// Ties: Var = [5·4·15 − 2·1·9 − 2·1·9]/18.
	k = MannKendall([]Point{{1, 10}, {2, 10}, {3, 14}, {4, 14}, {5, 9}})
	if want := (300.0 - 18 - 18) / 18; k.S != 0 || !near9(k.Var, want) {
		t.Errorf("with ties: S %v, Var %v; want 0 and %v", k.S, k.Var, want)
	}
	if k := MannKendall([]Point{{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}, {7, 7}, {8, 8}}); math.Abs(k.P-0.00083) > 0.00002 {
		t.Errorf("eight that rise: p %v, want 0.00083", k.P)
	}
}

// Sen's interval holds the true slope in about 95 of 100 series.
func TestIntervalCovers(t *testing.T) {
	const runs = 1000
	covered := 0
	for seed := range uint64(runs) {
		r := rand.New(rand.NewPCG(seed, 3))
		points := make([]Point, 20)
		for i := range points {
			points[i] = Point{float64(i), 2*float64(i) + noise(r, 5)}
		}
		if s, _ := TheilSen(points); s.Low <= 2 && 2 <= s.High {
			covered++
		}
	}
	if covered < 930 || covered > 990 {
		t.Errorf("the interval of 95 %% held the slope in %d of %d series", covered, runs)
	}
}

// Autocorrelation makes chance look like a trend; the correction takes most of that back.
func TestAutocorrelationIsCorrected(t *testing.T) {
	plain, corrected := 0, 0
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 4))
		points, level := make([]Point, 60), 0.0
		for i := range points {
			level = 0.7*level + noise(r, 1)
			points[i] = Point{float64(i), level}
		}
		k := MannKendall(points)
		if k.Inflation < 1 {
			t.Fatalf("inflation %v", k.Inflation)
		}
		if math.Erfc((math.Abs(k.S)-1)/math.Sqrt(k.Var/k.Inflation)/math.Sqrt2) < 0.05 {
			plain++
		}
		if k.P < 0.05 {
			corrected++
		}
	}
	if corrected*2 > plain {
		t.Errorf("false trends in 500 series: %d without the correction, %d with it", plain, corrected)
	}
}

// The unit of X, its origin and the order of readings change nothing; the unit
// of X changes the rate, and only that.
func TestJudgeIsIndifferent(t *testing.T) {
	for series := range labels(t) {
		rounds := recordedRounds(t, series)
		points := make([]Point, len(rounds))
		for i, r := range rounds {
			points[i] = Point{r.Operations, r.MB}
		}
		want := Judge(points)
		scaled, shifted, shuffled := slices.Clone(points), slices.Clone(points), slices.Clone(points)
		for i := range points {
			scaled[i].X *= 8
			shifted[i].X += 4096
		}
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
		for what, c := range map[string]struct {
			points []Point
			scale  float64
		}{"scaled": {scaled, 8}, "shifted": {shifted, 1}, "shuffled": {shuffled, 1}} {
			got := Judge(c.points)
			if got.Verdict != want.Verdict || !near9(got.Growth, want.Growth) || !near9(got.Rate.High*c.scale, want.Rate.High) {
				t.Errorf("%s %s: %+v, want %+v", series, what, got, want)
			}
		}
	}
}

func near9(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(1+math.Abs(a)+math.Abs(b)) }

// Larger memory makes the limit larger, never smaller: a leak cannot appear by adding a constant.
func TestAConstantNeverMakesALeak(t *testing.T) {
	for _, f := range slices.Concat(clean, leaking) {
		for seed := range uint64(50) {
			points := roundsOf(f, seed, 21)
			before := Judge(points)
			for i := range points {
				points[i].Y += 1000
			}
			if after := Judge(points); after.Verdict == Leak && before.Verdict != Leak {
				t.Errorf("%s %d: %s with 1000 MB more, %s before", f.name, seed, after.Verdict, before.Verdict)
			}
		}
	}
}

func TestOrderOfEqualTimes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	points := make([]Point, 40)
	for i := range points {
		points[i] = Point{float64(i / 2), float64(i) + noise(r, 4)}
	}
	want := Judge(points)
	for i := 0; i < len(points); i += 2 {
		points[i], points[i+1] = points[i+1], points[i]
	}
	if got := Judge(points); got.Growth != want.Growth || got.P != want.P || got.Verdict != want.Verdict {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTooLittle(t *testing.T) {
	ramp := func(n int, step float64) []Point {
		points := make([]Point, n)
		for i := range points {
			points[i] = Point{float64(i) * step, 100 + 10*float64(i)}
		}
		return points
	}
	for name, c := range map[string]struct {
		j    Judgement
		want string
	}{
		"nothing":      {Judge(nil), TooFew},
		"seven rounds": {Judge(ramp(7, 100)), TooFew},
		"one time":     {Judge(ramp(20, 0)), TooFew},
		"no numbers":   {Judge([]Point{{math.NaN(), 1}, {1, math.Inf(1)}}), TooFew},
		"ten seconds":  {JudgeTime(ramp(100, 0.1)), TooShort},
		"five samples": {JudgeTime(ramp(5, 60)), TooFew},
	} {
		if c.j.Verdict != Undecided || c.j.Reasons[0].Code != c.want {
			t.Errorf("%s: %+v, want undecided, %s", name, c.j, c.want)
		}
	}
	for _, n := range []int{9, 12, 13, 27, 40, 100, 700} { // nothing but rounding beside the line
		if j := Judge(ramp(n, 0.1)); j.Verdict != Leak {
			t.Errorf("a straight line of %d rounds: %+v", n, j)
		}
		if j := JudgeTime(ramp(max(n, 20), 7.3)); j.Verdict != Leak {
			t.Errorf("a straight line of %d samples: %+v", n, j)
		}
	}
	if j := Judge(ramp(12, 100)); j.Verdict != Leak || math.Abs(j.Rate.Bytes-0.1*bytesPerMB) > 1 {
		t.Errorf("12 rounds that grow by 0.1 MB per operation: %+v", j)
	}
}

// Growth in what is left out is never hidden.
func TestWarmUpIsReported(t *testing.T) {
	var points []Point
	for i := range 30 {
		points = append(points, Point{float64(i), 100 + 40*math.Min(float64(i), 5)})
	}
	j := Judge(points)
	if j.Verdict != NoLeak || j.WarmUp != 200 || j.Reasons[len(j.Reasons)-1].Code != WarmUp {
		t.Errorf("%+v", j)
	}
}

func TestDisturbedClearsNothing(t *testing.T) {
	flat := make([]Point, 20)
	for i := range flat {
		flat[i] = Point{float64(i), 100}
	}
	j := Judge(flat)
	if j.Verdict != NoLeak {
		t.Fatalf("flat: %+v", j)
	}
	j.Disturbed("it restarted")
	if j.Verdict != Undecided || j.Reasons[len(j.Reasons)-1].Code != Interrupted {
		t.Errorf("after a restart: %+v", j)
	}
}

func TestShapes(t *testing.T) {
	var step, teeth []Point
	for i := range 60 {
		x := float64(i)
		step = append(step, Point{x, 100 + 40*math.Floor(x/30)})
		teeth = append(teeth, Point{x, 100 + 3*math.Mod(x, 10)})
	}
	if s := Steps(step); len(s) != 1 || s[0].X != 30 || s[0].Size != 40 {
		t.Errorf("steps %+v, want one of 40 at 30", s)
	}
	var stopped []Point // a rise that ends has no step
	for i := range 60 {
		stopped = append(stopped, Point{float64(i), 100 + 5*math.Min(float64(i), 35)})
	}
	if s := Steps(stopped); len(s) != 0 {
		t.Errorf("steps of a rise that ends: %+v", s)
	}
	if p := (&Judgement{Limit: 1}).plateau(step); math.Abs(p-29.0/59) > 1e-9 {
		t.Errorf("plateau %v, want the last 29 of 59", p)
	}
	if h := SawTooth(teeth); h != 27 {
		t.Errorf("saw-tooth %v, want 27", h)
	}
	if h := SawTooth(step); h != 0 {
		t.Errorf("saw-tooth of a step: %v", h)
	}
	if lows := Envelope(teeth, 6); len(lows) != 6 || lows[3].Y > 103 {
		t.Errorf("envelope %v", lows)
	}
}

func TestSeriesIsBounded(t *testing.T) {
	var s Series
	lowest := Point{Y: 1e9}
	for i := range 100_000 {
		p := Point{float64(i), 100 + float64(i*7919%1000)}
		if p.Y < lowest.Y {
			lowest = p
		}
		s.Add(p)
	}
	bins := s.Bins()
	if len(bins) > maxBins || len(bins) < maxBins/2 {
		t.Errorf("%d bins", len(bins))
	}
	readings := 0
	for i, b := range bins {
		readings += b.n
		if i > 0 && b.First <= bins[i-1].LastPoint.X || b.High < b.Low.Y {
			t.Fatalf("bin %d: %+v after %+v", i, b, bins[i-1])
		}
	}
	if readings != 100_000 || !slices.Contains(s.Lows(), lowest) {
		t.Errorf("%d readings, the lowest of all %v is missing", readings, lowest)
	}
}

// One rule for counts: with a least rate a count must rise with every step, and
// without one it may pause.
func TestAccumulates(t *testing.T) {
	t.Parallel()
	line := func(n int, y func(i int) float64) []Point {
		points := make([]Point, n)
		for i := range points {
			points[i] = Point{float64(100 * i), y(i)}
		}
		return points
	}
	each := func(i int) float64 { return float64(100 * i) }
	for name, c := range map[string]struct {
		points []Point
		least  float64
		want   bool
	}{
		"one per operation":              {line(7, each), 0.5, true},
		"too few":                        {line(6, each), 0.5, false},
		"a pool that fills":              {line(13, func(i int) float64 { return min(250, each(i)) }), 0.5, false},
		"a pool that fills late":         {line(13, func(i int) float64 { return min(1100, each(i)) }), 0.5, false},
		"one per round":                  {line(13, func(i int) float64 { return float64(i) }), 0.5, false},
		"one per round, any rate":        {line(13, func(i int) float64 { return float64(i) }), 0, true},
		"pauses, any rate":               {line(13, func(i int) float64 { return float64(i / 2 * 2) }), 0, true},
		"falls once":                     {line(13, func(i int) float64 { return float64(10*i - 30*(i/12)) }), 0, false},
		"one operation a round, kept":    {[]Point{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 6}, {6, 7}}, 0.5, true},
		"five in all are too few to say": {line(9, func(i int) float64 { return float64(i) }), 0, false},
	} {
		if grown, ok := Accumulates(c.points, c.least); ok != c.want {
			t.Errorf("%s: %t, grown by %v", name, ok, grown)
		}
	}
}

// Memory that is given back hides a leak of as much.
func TestFallingHidesALeak(t *testing.T) {
	var points []Point
	for i := range 13 {
		points = append(points, Point{float64(100 * i), 500 - 10*float64(i)})
	}
	j := Judge(points)
	if j.Verdict != NoLeak || j.Rate.High >= 0 || j.Smallest < 100<<10 {
		t.Errorf("%s: it falls by %.0f, and a leak of %.0f is said to be seen", j.Verdict, j.Rate.Bytes, j.Smallest)
	}
}

// The reason names the reading that the series fell below.
func TestFellBackNamesTheReading(t *testing.T) {
	for _, c := range []struct {
		first float64
		want  string
	}{{67.85, "its first reading after the warm-up and"}, {95, "its first reading and"}} {
		all := []Point{{0, c.first}, {1, 90}, {2, 90}, {3, 92}, {4, 91}, {5, 90}, {6, 84}, {7, 79}, {8, 78}}
		if kept := all[3:]; !fellBack(nil, all, kept) || !strings.Contains(fellBackText(nil, all, kept), c.want) {
			t.Errorf("from %v MB: %q, want %q", c.first, fellBackText(nil, all, kept), c.want)
		}
	}
}

// TestAJumpHidesNoLeak has a live heap, in KB, of a server that keeps some 180 bytes of each call
// and loads a module once, which is more than all that the calls keep.
func TestAJumpHidesNoLeak(t *testing.T) {
	kb := []float64{50.8, 141.4, 211.9, 385.3, 365.3, 432.3, 495.8, 565.9, 632.2, 698.8, 784.5, 847.5, 973.1, 998.0, 1044.2, 1111.1, 2217.9, 2293.8}
	leaking, steady := make([]Point, len(kb)), make([]Point, len(kb))
	for i, v := range kb {
		leaking[i] = Point{X: float64(400 * i), Y: v / 1024}
		steady[i] = Point{X: float64(400 * i), Y: (v - 70*float64(i)) / 1024}
	}
	if j := JudgeLive(leaking); j.Verdict != Leak {
		t.Errorf("it keeps some bytes of each call: %s %v", j.Verdict, j.Reasons)
	}
	if j := JudgeLive(steady); j.Verdict == Leak {
		t.Errorf("without the calls' bytes: %s %v", j.Verdict, j.Reasons)
	}
}

// TestAStraightLineHasNoJumps has the live heap of a server that keeps 170 bytes of each of
// the calls that a busy machine makes.
func TestAStraightLineHasNoJumps(t *testing.T) {
	kb := []float64{30.7, 123.1, 198.7, 270.1, 338.5, 405.3, 470.6, 534.9, 603.8, 670.7, 733.4, 800.5, 867.5, 935.7}
	points := make([]Point, len(kb))
	for i, v := range kb {
		points[i] = Point{X: float64(400 * i), Y: v / 1024}
	}
	if j := JudgeLive(points); j.Verdict != Leak {
		t.Errorf("%s %v", j.Verdict, j.Reasons)
	}
}
