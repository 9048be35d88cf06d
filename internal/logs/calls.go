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
	InFlight   int64    `json:"inFlight,omitempty"` // at the end of the log
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
	last    int64     // the latest time of an entry
	lexicon *lexicon
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
	tool, method string
	nanos        int64
	timed        bool
	cancelled    bool
	wanted       bool // its request passed the filter
	id, at       string
}

// name is the tool, or the method of a call that is not tools/call.
func (p *pendingCall) name() string { return cmp.Or(p.tool, p.method) }

// isAgain reports whether e is the request that p is, as another part of the program logged it.
func (p *pendingCall) isAgain(e *input.Entry) bool {
	return p.timed && e.HasTime() && e.Nanos-p.nanos < int64(leastWait) && p.tool == text(e.Tool) && p.method == text(e.Method)
}

// pair pairs the entry with the call that it starts or ends. It sees every entry,
// also those that a filter leaves out, and gives an answer the tool, the method and the
// duration of its call, so that a filter can ask for them.
func (c *calls) pair(e *input.Entry, said *wordSet) *pairing {
	if e.HasTime() {
		c.last = max(c.last, e.Nanos)
	}
	switch {
	case e.Format == logline.Cursor:
		return c.cursor(e)
	case e.RPC.Kind == logline.Request:
		return c.start(c.key(e, e.RPC.ID, e.RPC.FromPeer), e)
	case e.RPC.Kind == logline.Response:
		return c.end(c.key(e, e.RPC.ID, otherSide(e.RPC.FromPeer)), e)
	case e.RPC.Kind == logline.Notification && string(e.Method) == "notifications/cancelled":
		c.cancel(e)
	case e.RPC.Kind == logline.NoRPC && len(e.Tool) > 0:
		return c.line(e, said)
	}
	return nil
}

// pairing is the part of an entry in a call.
type pairing struct {
	call     *pendingCall
	ended    bool
	failed   bool
	duration time.Duration
	timed    bool // duration is valid
}

// add counts a call whose start or end passed the filter.
func (c *calls) add(p *pairing, e *input.Entry) {
	if !p.ended {
		p.call.wanted = true
		return
	}
	s := c.tools.row([]byte(p.call.name()))
	s.row.Calls++
	if p.failed {
		s.row.Errors++
		if e.RPC.Kind == logline.Response && e.RPC.Code == 0 {
			s.row.IsError++
		}
	}
	if p.call.cancelled {
		s.row.Late++
	}
	if p.timed {
		s.record(p.duration)
	}
}

func otherSide(s logline.Side) logline.Side {
	return [...]logline.Side{logline.UnknownSide, logline.Server, logline.Client}[s]
}

func (c *calls) key(e *input.Entry, id []byte, from logline.Side) callKey {
	return callKey{e.Source, text(e.Stream), text(e.Session), text(id), from}
}

func (c *calls) start(key callKey, e *input.Entry) *pairing {
	if isNumber(key.id) && (len(key.id) > 16 || len(key.id) == 16 && key.id > "9007199254740992") {
		c.bigIDs++
	}
	if c.pending == nil {
		c.pending = map[callKey]*pendingCall{}
	}
	if p, reused := c.pending[key]; reused {
		if p.isAgain(e) {
			return &pairing{call: p}
		}
		c.unanswered(p, false)
	} else {
		c.oldest = append(c.oldest, key)
	}
	p := &pendingCall{tool: text(e.Tool), method: text(e.Method), nanos: e.Nanos, timed: e.HasTime(), id: text(e.Request), at: place(e)}
	c.pending[key] = p
	if len(c.pending) > maxPending {
		c.forgetOldest()
	}
	return &pairing{call: p}
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
			c.unanswered(p, false)
			delete(c.pending, key)
			return
		}
	}
}

// unanswered counts a call without an answer, if its request passed the filter; inFlight says
// that the log ended while it waited.
func (c *calls) unanswered(p *pendingCall, inFlight bool) {
	if !p.wanted {
		return
	}
	row := &c.tools.row([]byte(p.name())).row
	row.Calls++
	switch {
	case p.cancelled:
		row.Cancelled++
	case inFlight:
		row.InFlight++
	default:
		row.Unanswered++
	}
}

// leastWait is the wait from which a call at the end of a log may be unanswered.
const leastWait = time.Second

// inFlight reports whether a call has waited at the end of the log for no longer than others
// to the same tool.
func (c *calls) inFlight(p *pendingCall) bool {
	usual := leastWait
	if s, ok := c.tools.rows[p.name()]; ok && s.latencies != nil {
		usual = max(usual, time.Duration(s.latencies.Max())*time.Microsecond)
	}
	return p.timed && time.Duration(c.last-p.nanos) <= usual
}

func (c *calls) end(key callKey, e *input.Entry) *pairing {
	p, ok := c.pending[key]
	if !ok {
		return nil
	}
	delete(c.pending, key)
	if len(c.oldest) > 2*maxPending {
		c.compact()
	}
	f := &pairing{call: p, ended: true, failed: e.RPC.IsError || isError(e)}
	switch {
	case e.HasDuration:
		f.duration, f.timed = e.Duration, true
	case p.timed && e.HasTime() && e.Nanos >= p.nanos:
		f.duration, f.timed = time.Duration(e.Nanos-p.nanos), true
		e.Duration, e.HasDuration = f.duration, true
	}
	if len(e.Tool) == 0 {
		e.Tool = []byte(p.tool)
	}
	if len(e.Method) == 0 {
		e.Method = []byte(p.method)
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
func (c *calls) cursor(e *input.Entry) *pairing {
	key := c.key(e, append([]byte("cursor "), e.Tool...), logline.Client)
	switch {
	case len(e.Tool) == 0:
	case bytes.HasPrefix(e.Message, []byte("Handling CallTool")):
		return c.start(key, e)
	case bytes.HasPrefix(e.Message, []byte("Successfully called")):
		return c.end(key, e)
	case bytes.HasPrefix(e.Message, []byte("Error calling")):
		e.RPC.IsError = true
		return c.end(key, e)
	}
	return nil
}

// The words for the start and the end of a call in a server's own lines.
var (
	startWords = []string{"start", "begin", "began", "calling", "invok", "received", "executing", "processing"}
	endWords   = []string{"finish", "complet", "done", "ended", "succe", "returned", "fail", "error", "timeout", "timed out", "exception"}
)

// line pairs the lines that a server writes at the start and at the end of a call, by
// the identifier of its request. A line with a duration or an error, or with a word for
// the end, ends a call also if its start was not logged.
func (c *calls) line(e *input.Entry, said *wordSet) *pairing {
	key := c.key(e, append([]byte("line "), e.Request...), logline.Server)
	ends := e.HasDuration || isError(e) || said.any(&c.lexicon.ends)
	switch {
	case !ends && len(e.Request) > 0 && said.any(&c.lexicon.starts):
		return c.start(key, e)
	case !ends:
		return nil
	}
	if len(e.Request) > 0 {
		if f := c.end(key, e); f != nil {
			return f
		}
	}
	return &pairing{
		call: &pendingCall{tool: text(e.Tool)}, ended: true, failed: isError(e) || len(e.ErrorText) > 0, duration: e.Duration, timed: e.HasDuration,
	}
}

// longest is the largest duration that a histogram distinguishes: one hour.
const longest = int64(time.Hour / time.Microsecond)

func (s *callStats) record(d time.Duration) {
	if s.latencies == nil {
		s.latencies = hdrhistogram.New(1, longest, 3)
	}
	_ = s.latencies.RecordValue(max(1, min(d.Microseconds(), longest))) // in range
}

// open lists the calls that wait for an answer and are no longer in flight.
func (c *calls) open() []RequestRow {
	var rows []RequestRow
	for _, p := range c.pending {
		if p.wanted && !p.cancelled && !c.inFlight(p) {
			rows = append(rows, RequestRow{Request: p.id, Lines: 1, Endpoint: p.name(), Unanswered: 1, Place: p.at})
		}
	}
	return rows
}

// rows returns the table; calls that are still pending are unanswered or in flight.
func (c *calls) rows() []CallRow {
	for key, p := range c.pending {
		c.unanswered(p, c.inFlight(p))
		delete(c.pending, key)
	}
	rows := []CallRow{}
	for name, s := range c.tools.sorted(func(a, b *callStats) int { return cmp.Compare(b.row.Calls, a.row.Calls) }) {
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
