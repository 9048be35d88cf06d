package logs

import (
	"bytes"
	"cmp"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

// CallRow is the calls of one tool, or of one method that is not tools/call.
type CallRow struct {
	Name       string   `json:"name"`
	Calls      int64    `json:"calls"`
	Errors     int64    `json:"errors"` // JSON-RPC errors and results with isError
	IsError    int64    `json:"isError"`
	Unanswered int64    `json:"unanswered"`
	Cancelled  int64    `json:"cancelled"`
	Late       int64    `json:"late"` // answered after the client gave up
	LatencyMS  *Latency `json:"latencyMs,omitempty"`
}

// Latency is the distribution of durations in milliseconds.
type Latency struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// Bounds of the table of calls.
const (
	maxTools   = 100
	maxPending = 20000
)

// calls pairs the requests and responses of JSON-RPC, the start and end lines of
// hosts, and counts lines that give the duration of a call.
type calls struct {
	tools   tally[callStats]
	pending map[callKey]*pendingCall
	oldest  []callKey // in the order of their start
	bigIDs  int64     // ids beyond the integers of JavaScript
}

type callStats struct {
	row       CallRow
	latencies *hdrhistogram.Histogram // µs
}

// callKey identifies a request: ids are unique per stream, session and direction.
type callKey struct {
	source          *input.Source
	stream, session string
	id              string
	from            logline.Side
}

type pendingCall struct {
	tool      string
	nanos     int64
	timed     bool
	cancelled bool
}

func (c *calls) add(e *input.Entry) *finishedCall {
	switch {
	case e.Format == logline.Cursor:
		return c.cursor(e)
	case e.RPC.Kind == logline.Request:
		c.start(c.key(e, e.RPC.ID, e.RPC.FromPeer), e, callName(e))
	case e.RPC.Kind == logline.Response:
		return c.end(c.key(e, e.RPC.ID, otherSide(e.RPC.FromPeer)), e)
	case e.RPC.Kind == logline.Notification && string(e.Method) == "notifications/cancelled":
		c.cancel(e)
	case e.RPC.Kind == logline.NoRPC && len(e.Tool) > 0 && (e.HasDuration || isError(e)):
		return c.line(e)
	}
	return nil
}

// finishedCall is a call whose end was just seen.
type finishedCall struct {
	name     string
	duration time.Duration
	timed    bool
	failed   bool
}

func callName(e *input.Entry) string {
	if len(e.Tool) > 0 {
		return text(e.Tool)
	}
	return text(e.Method)
}

func otherSide(s logline.Side) logline.Side {
	return [...]logline.Side{logline.UnknownSide, logline.Server, logline.Client}[s]
}

func (c *calls) key(e *input.Entry, id []byte, from logline.Side) callKey {
	return callKey{e.Source, text(e.Stream), text(e.Session), text(id), from}
}

func (c *calls) start(key callKey, e *input.Entry, name string) {
	if len(key.id) > 16 || len(key.id) == 16 && key.id > "9007199254740992" && isNumber(key.id) {
		c.bigIDs++
	}
	if c.pending == nil {
		c.pending = map[callKey]*pendingCall{}
	}
	if p, reused := c.pending[key]; reused {
		c.tools.at(p.tool).unanswered(p)
	} else {
		c.oldest = append(c.oldest, key)
	}
	c.tools.limit = maxTools
	c.pending[key] = &pendingCall{tool: name, nanos: e.Nanos, timed: e.HasTime()}
	if len(c.pending) > maxPending {
		c.forgetOldest()
	}
}

func isNumber(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func (c *calls) forgetOldest() {
	for len(c.oldest) > 0 {
		key := c.oldest[0]
		c.oldest = c.oldest[1:]
		if p, ok := c.pending[key]; ok {
			c.tools.at(p.tool).unanswered(p)
			delete(c.pending, key)
			return
		}
	}
}

func (s *callStats) unanswered(p *pendingCall) {
	s.row.Calls++
	if p.cancelled {
		s.row.Cancelled++
		return
	}
	s.row.Unanswered++
}

func (c *calls) end(key callKey, e *input.Entry) *finishedCall {
	p, ok := c.pending[key]
	if !ok {
		return nil
	}
	delete(c.pending, key)
	if len(c.oldest) > 2*maxPending {
		c.compact()
	}
	s := c.tools.at(p.tool)
	s.row.Calls++
	f := &finishedCall{name: p.tool, failed: e.RPC.IsError}
	if e.RPC.IsError {
		s.row.Errors++
		if e.RPC.Code == 0 {
			s.row.IsError++
		}
	}
	if p.cancelled {
		s.row.Late++
	}
	if p.timed && e.HasTime() && e.Nanos >= p.nanos {
		f.duration, f.timed = time.Duration(e.Nanos-p.nanos), true
		s.record(f.duration)
	}
	return f
}

// compact drops the keys of calls that have ended.
func (c *calls) compact() {
	kept := c.oldest[:0]
	for _, key := range c.oldest {
		if _, ok := c.pending[key]; ok {
			kept = append(kept, key)
		}
	}
	c.oldest = kept
}

func (c *calls) cancel(e *input.Entry) {
	if p, ok := c.pending[c.key(e, e.RPC.RefersTo, e.RPC.FromPeer)]; ok {
		p.cancelled = true
	}
}

// cursor pairs the start and end lines of Cursor, which have no id: calls of one
// client and tool end in the order in which they began.
func (c *calls) cursor(e *input.Entry) *finishedCall {
	key := c.key(e, append([]byte("cursor "), e.Tool...), logline.Client)
	switch {
	case len(e.Tool) == 0:
	case bytes.HasPrefix(e.Message, []byte("Handling CallTool")):
		c.start(key, e, text(e.Tool))
	case bytes.HasPrefix(e.Message, []byte("Successfully called")):
		return c.end(key, e)
	case bytes.HasPrefix(e.Message, []byte("Error calling")):
		e.RPC.IsError = true
		return c.end(key, e)
	}
	return nil
}

// line counts a line that a server writes at the end of a call.
func (c *calls) line(e *input.Entry) *finishedCall {
	c.tools.limit = maxTools
	s := c.tools.at(text(e.Tool))
	s.row.Calls++
	f := &finishedCall{name: text(e.Tool), failed: isError(e) || len(e.ErrorText) > 0}
	if f.failed {
		s.row.Errors++
	}
	if e.HasDuration {
		f.duration, f.timed = e.Duration, true
		s.record(e.Duration)
	}
	return f
}

// longest is the largest duration that a histogram distinguishes: one hour.
const longest = int64(time.Hour / time.Microsecond)

func (s *callStats) record(d time.Duration) {
	if s.latencies == nil {
		s.latencies = hdrhistogram.New(1, longest, 3)
	}
	_ = s.latencies.RecordValue(max(1, min(d.Microseconds(), longest))) // in range
}

// rows returns the table; calls that are still pending are unanswered.
func (c *calls) rows() []CallRow {
	for key, p := range c.pending {
		c.tools.at(p.tool).unanswered(p)
		delete(c.pending, key)
	}
	rows := []CallRow{}
	for _, name := range c.tools.sorted(func(a, b *callStats) int { return cmp.Compare(b.row.Calls, a.row.Calls) }) {
		s := c.tools.rows[name]
		row := s.row
		row.Name, row.LatencyMS = name, latencyOf(s.latencies)
		rows = append(rows, row)
	}
	return rows
}

// latencyOf returns the quantiles of a histogram in µs, nil if it is empty.
func latencyOf(h *hdrhistogram.Histogram) *Latency {
	if h == nil || h.TotalCount() == 0 {
		return nil
	}
	ms := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	return &Latency{Count: h.TotalCount(), P50: ms(50), P90: ms(90), P99: ms(99), Max: float64(h.Max()) / 1000}
}
