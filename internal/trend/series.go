package trend

// Series stores a series of any length in bounded memory: when it is full, adjacent
// bins are merged, keeping their lowest, highest and last reading. The zero value is
// empty.
type Series struct {
	bins  []Bin
	width int // readings in a full bin
}

// Bin summarizes consecutive readings.
type Bin struct {
	Low       Point
	High      float64
	First     float64 // X
	LastPoint Point
	n         int
}

// maxBins is even. A judgement uses 40 windows, a chart a few hundred columns.
const maxBins = 1024

// Add adds a reading. X must not decrease.
func (s *Series) Add(p Point) {
	if s.width == 0 {
		s.width = 1
	}
	if len(s.bins) == 0 || s.bins[len(s.bins)-1].n >= s.width {
		if len(s.bins) == maxBins {
			s.halve()
			s.Add(p)
			return
		}
		s.bins = append(s.bins, Bin{Low: p, High: p.Y, First: p.X, LastPoint: p, n: 1})
		return
	}
	last := &s.bins[len(s.bins)-1]
	*last = join(*last, Bin{Low: p, High: p.Y, First: p.X, LastPoint: p, n: 1})
}

func (s *Series) halve() {
	for i := range maxBins / 2 {
		s.bins[i] = join(s.bins[2*i], s.bins[2*i+1])
	}
	s.bins = s.bins[:maxBins/2]
	s.width *= 2
}

func join(a, b Bin) Bin {
	if b.Low.Y < a.Low.Y {
		a.Low = b.Low
	}
	a.High = max(a.High, b.High)
	a.LastPoint = b.LastPoint
	a.n += b.n
	return a
}

// Bins returns the bins in order.
func (s *Series) Bins() []Bin { return s.bins }

// Lows returns the lowest reading of each bin.
func (s *Series) Lows() []Point {
	lows := make([]Point, len(s.bins))
	for i, b := range s.bins {
		lows[i] = b.Low
	}
	return lows
}
