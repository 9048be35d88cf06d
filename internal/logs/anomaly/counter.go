package anomaly

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"
)

// maxBins is how many bins of time there are; when a log is longer, bins become wider.
const maxBins = 1440

// firstWidth is the width of a bin at first.
const firstWidth = time.Second

// Key identifies a kind of event.
type Key struct {
	Kind  string `json:"kind"` // error, template, endpoint, status
	Name  string `json:"name"`
	Fatal bool   `json:"fatal,omitempty"` // one event is enough for a finding
	Error bool   `json:"error,omitempty"` // an error, for which three events are enough if it is new
}

func (k Key) least() float64 {
	if k.Fatal {
		return 1
	}
	return leastEvents
}

// Counter counts the events of many keys in bins of time.
type Counter struct {
	MaxKeys int // further keys are not counted; 0: no bound

	origin      int64 // nanoseconds
	width       time.Duration
	first, last int // bins that have a line
	n           int64
	lines       Series // of the log, or its requests: the exposure
	requests    Series
	keys        map[Key]*Series
	Dropped     int64 // events of keys beyond MaxKeys
}

// Series is the events of one key: the bins that have any, in order.
type Series struct {
	Key  Key
	bins []bin
}

type bin struct {
	at int
	n  float64
}

// Line counts a line of the log; request is true if it belongs to a request.
func (c *Counter) Line(nanos int64, request bool) {
	at := c.bin(nanos)
	c.lines.add(at)
	if request {
		c.requests.add(at)
	}
	if c.n == 0 {
		c.first, c.last = at, at
	}
	c.n++
	c.first, c.last = min(c.first, at), max(c.last, at)
	for c.last-c.first >= maxBins {
		c.widen()
	}
}

// Add counts an event of key.
func (c *Counter) Add(nanos int64, key Key) { c.Count(c.Series(key), nanos) }

// Series returns the series of key, nil beyond MaxKeys.
func (c *Counter) Series(key Key) *Series {
	if s, ok := c.keys[key]; ok {
		return s
	}
	if c.MaxKeys > 0 && len(c.keys) >= c.MaxKeys {
		return nil
	}
	if c.keys == nil {
		c.keys = map[Key]*Series{}
	}
	s := &Series{Key: key}
	c.keys[key] = s
	return s
}

// Count counts an event of a series.
func (c *Counter) Count(s *Series, nanos int64) {
	if s == nil {
		c.Dropped++
		return
	}
	s.add(c.bin(nanos))
}

// bin returns the bin of a time. The first line's bin is 0; earlier ones are negative.
func (c *Counter) bin(nanos int64) int {
	if c.width == 0 {
		c.width, c.origin = firstWidth, nanos-nanos%int64(firstWidth)
	}
	at := (nanos - c.origin) / int64(c.width)
	if nanos < c.origin {
		at--
	}
	return int(max(-maxBins, min(at, math.MaxInt32)))
}

// widen doubles the width of the bins.
func (c *Counter) widen() {
	c.width *= 2
	c.first, c.last = c.first>>1, c.last>>1
	c.lines.widen()
	c.requests.widen()
	for _, s := range c.keys {
		s.widen()
	}
}

func (c *Counter) timeOf(at int) time.Time {
	return time.Unix(0, c.origin+int64(at)*int64(c.width)).UTC()
}

// exposures returns the denominators of the rates of both windows, in one unit: requests
// if at least half of the lines belong to one and both windows have some, else time.
func (c *Counter) exposures(w windows) (recent, base float64) {
	recent, base = c.requests.sum(w.cut, w.to), c.requests.sum(w.from, w.cut)
	if recent == 0 || base == 0 || c.requests.sum(c.first, c.last+1) < 0.5*c.lines.sum(c.first, c.last+1) {
		return float64(w.to - w.cut), float64(w.cut - w.from)
	}
	return recent, base
}

// dispersion is the variance over the mean of a key's counts in the baseline, drawn
// towards that of all keys where there are few bins.
func (c *Counter) dispersion(s *Series, w windows, pooled float64) float64 {
	own, bins := dispersionOf(s.counts(w.from, w.cut)), float64(w.cut-w.from)
	if math.IsNaN(own) {
		return pooled
	}
	return max(1, (own*bins+pooled*shrinkage)/(bins+shrinkage))
}

func (c *Counter) pooledDispersion(w windows) float64 {
	var all []float64
	for _, s := range c.keys {
		if own := dispersionOf(s.counts(w.from, w.cut)); !math.IsNaN(own) {
			all = append(all, own)
		}
	}
	if len(all) == 0 {
		return 1
	}
	slices.Sort(all)
	return max(1, all[len(all)/2])
}

// dispersionOf is NaN for counts whose mean is too small to tell.
func dispersionOf(counts []float64) float64 {
	mean, n := 0.0, float64(len(counts))
	for _, x := range counts {
		mean += x / n
	}
	if mean*n < 10 || n < leastBins {
		return math.NaN()
	}
	variance := 0.0
	for _, x := range counts {
		variance += (x - mean) * (x - mean) / (n - 1)
	}
	return variance / mean
}

// sorted returns the keys in a fixed order.
func (c *Counter) sorted() []*Series {
	all := make([]*Series, 0, len(c.keys))
	for _, s := range c.keys {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Series) int {
		return cmp.Or(cmp.Compare(a.Key.Kind, b.Key.Kind), cmp.Compare(a.Key.Name, b.Key.Name))
	})
	return all
}

func (s *Series) add(at int) {
	if n := len(s.bins); n > 0 && s.bins[n-1].at == at {
		s.bins[n-1].n++
		return
	}
	i := sort.Search(len(s.bins), func(i int) bool { return s.bins[i].at >= at })
	if i < len(s.bins) && s.bins[i].at == at {
		s.bins[i].n++
		return
	}
	s.bins = slices.Insert(s.bins, i, bin{at, 1})
}

func (s *Series) widen() {
	kept := s.bins[:0]
	for _, b := range s.bins {
		b.at >>= 1
		if n := len(kept); n > 0 && kept[n-1].at == b.at {
			kept[n-1].n += b.n
			continue
		}
		kept = append(kept, b)
	}
	s.bins = kept
}

func (s *Series) sum(from, to int) float64 {
	total := 0.0
	for _, b := range s.bins {
		if b.at >= from && b.at < to {
			total += b.n
		}
	}
	return total
}

func (s *Series) counts(from, to int) []float64 {
	counts := make([]float64, to-from)
	for _, b := range s.bins {
		if b.at >= from && b.at < to {
			counts[b.at-from] += b.n
		}
	}
	return counts
}

// Points returns the events of key over time in at most n points: seconds since the
// first line, and events in the time that each point covers.
func (c *Counter) Points(key Key, n int) (start time.Time, each time.Duration, points [][2]float64) {
	s, ok := c.keys[key]
	if !ok || c.n == 0 {
		return time.Time{}, 0, nil
	}
	counts := s.counts(c.first, c.last+1)
	size := (len(counts) + n - 1) / n
	for i, group := range slices.Collect(slices.Chunk(counts, size)) {
		sum := 0.0
		for _, v := range group {
			sum += v
		}
		points = append(points, [2]float64{float64(i*size) * c.width.Seconds(), sum})
	}
	return c.timeOf(c.first), time.Duration(size) * c.width, points
}
