package judge

import (
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/deps"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Count is something that a server holds and that has no noise.
type Count struct {
	What         string  `json:"what"`
	Before       float64 `json:"before"`
	After        float64 `json:"after"`
	PerOperation float64 `json:"perOperation"`
	Kept         bool    `json:"kept"`                  // it accumulates
	AtLimit      bool    `json:"atFileLimit,omitempty"` // it reached the limit of open files
}

// Counter is a kind of count.
type Counter struct {
	Name string
	Of   func(*Round) *float64 // nil if it was not read
	// perOperation is the least growth per operation that counts as accumulating.
	perOperation float64
	files        bool // the limit of open files bounds it
}

// IsSessions reports whether c counts sessions.
func (c *Count) IsSessions() bool { return c.What == sessionsCounter }

// IsFiles reports whether c counts open files.
func (c *Count) IsFiles() bool { return c.What == filesCounter }

// half of the operations must leave something: no noise does that. Of connections to a
// database one in ten is enough, since slots are few.
const (
	half  = 0.5
	tenth = 0.1
)

const (
	processesCounter = "processes"
	filesCounter     = "open files"
	sessionsCounter  = "sessions that the server counts"
)

// Counters lists the counters beside memory.
func Counters() []Counter {
	return []Counter{
		{processesCounter, func(r *Round) *float64 { v := float64(r.Processes); return &v }, 0, false},
		{sessionsCounter, func(r *Round) *float64 { return r.Sessions }, half, false},
		{"sockets", func(r *Round) *float64 { return r.Sockets }, half, true},
		{"sockets in CLOSE_WAIT", func(r *Round) *float64 { return r.CloseWait }, half, true},
		{filesCounter, func(r *Round) *float64 { return r.Files }, half, true},
		{"ended processes that were not collected", func(r *Round) *float64 { return &r.Zombies }, half, false},
		{"threads", func(r *Round) *float64 { return r.Threads }, half, false},
		{deps.PostgresConnections, held(deps.PostgresConnections), tenth, false},
		{deps.PostgresIdle, held(deps.PostgresIdle), tenth, false},
		{deps.RedisConnections, held(deps.RedisConnections), tenth, false},
		{deps.RedisKeys, held(deps.RedisKeys), half, false},
	}
}

// held returns the reader of a count on a database.
func held(name string) func(*Round) *float64 {
	return func(r *Round) *float64 {
		if v, ok := r.Held[name]; ok {
			return &v
		}
		return nil
	}
}

// IsHeld reports whether c is a count of a database.
func (c *Count) IsHeld() bool {
	return slices.Contains([]string{deps.PostgresConnections, deps.PostgresIdle, deps.RedisConnections, deps.RedisKeys}, c.What)
}

// countsOf compares the counts before and after the load.
func countsOf(e *Evidence) []Count {
	var all []Count
	if len(e.Rounds) < 2 {
		return nil
	}
	for _, c := range Counters() {
		before, after := c.Of(&e.Rounds[0]), c.Of(e.last())
		if before == nil || after == nil {
			continue
		}
		count := Count{What: c.Name, Before: *before, After: *after}
		count.AtLimit = c.files && c.atLimit(e)
		count.Kept = c.accumulates(e) || count.AtLimit
		if ops := e.last().Operations; ops > 0 {
			count.PerOperation = (*after - *before) / float64(ops)
		}
		all = append(all, count)
	}
	return all
}

// accumulates reports whether the count grows with the operations.
func (c *Counter) accumulates(e *Evidence) bool {
	points := c.points(e)
	if points == nil {
		return false
	}
	_, ok := trend.Accumulates(points, c.perOperation)
	return ok
}

// points returns the count after each round by the operations until then, nil if a
// round has no reading.
func (c *Counter) points(e *Evidence) []trend.Point {
	points := make([]trend.Point, 0, len(e.Rounds))
	for i := range e.Rounds {
		v := c.Of(&e.Rounds[i])
		if v == nil {
			return nil
		}
		points = append(points, trend.Point{X: float64(e.Rounds[i].Operations), Y: *v})
	}
	return points
}

// The signs of a count that has reached the limit of open files.
const (
	limitShare    = 0.9 // of the limit
	limitReadings = 3   // idle readings in a row
)

// atLimit reports whether a count of an idle server rose with the operations up to
// the limit of open files and stays there: it cannot rise further, so it no longer
// accumulates. A count that stood there before the load is no leak.
func (c *Counter) atLimit(e *Evidence) bool {
	points := c.points(e)
	if e.FileLimit <= 0 || len(points) < limitReadings+1 {
		return false
	}
	full := len(points)
	for full > 0 && points[full-1].Y >= limitShare*e.FileLimit {
		full--
	}
	if full == 0 || len(points)-full < limitReadings {
		return false
	}
	before, last := points[0], points[max(1, full-1)] // the limit cuts off the rise after that
	return last.Y-before.Y >= max(1, c.perOperation*(last.X-before.X))
}

// keptCounts returns the counts that accumulate.
func keptCounts(counts []Count) []Count {
	return slices.DeleteFunc(slices.Clone(counts), func(c Count) bool { return !c.Kept })
}

// CountsOf returns the counts of the evidence that accumulate.
func CountsOf(e *Evidence) []Count { return keptCounts(countsOf(e)) }
