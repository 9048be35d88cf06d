package snapshot

// arena holds snapshots and what they point to, each kind in one piece, which
// saves an allocation for each figure. It can be used again once nobody needs them.
type arena struct {
	snapshots []Snapshot
	calls     []Call
	polls     []Poll
	amounts   []float64
	counts    []int64
	times     []Time
	queues    []map[string]int64
	used      int // queues in use
}

// keep puts v into a piece and returns where it is. When the piece grows, what
// was pointed to before stays where it was.
func keep[T any](piece *[]T, v T) *T {
	*piece = append(*piece, v)
	return &(*piece)[len(*piece)-1]
}

func (a *arena) newQueue() map[string]int64 {
	if a.used == len(a.queues) {
		a.queues = append(a.queues, map[string]int64{})
	}
	a.used++
	return a.queues[a.used-1]
}

// reset empties the arena for others.
func (a *arena) reset() {
	a.snapshots, a.calls, a.polls = a.snapshots[:0], a.calls[:0], a.polls[:0]
	a.amounts, a.counts, a.times = a.amounts[:0], a.counts[:0], a.times[:0]
	for _, q := range a.queues[:a.used] {
		clear(q)
	}
	a.used = 0
}

// like returns an empty arena with room for as much as is in a.
func (a *arena) like() arena {
	return arena{
		snapshots: make([]Snapshot, 0, len(a.snapshots)),
		calls:     make([]Call, 0, len(a.calls)),
		polls:     make([]Poll, 0, len(a.polls)),
		amounts:   make([]float64, 0, len(a.amounts)),
		counts:    make([]int64, 0, len(a.counts)),
		times:     make([]Time, 0, len(a.times)),
	}
}
