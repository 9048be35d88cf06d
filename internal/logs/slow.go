package logs

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// SlowRow is one slow request.
type SlowRow struct {
	What     string    `json:"what"` // tool, method or path
	MS       float64   `json:"ms"`
	At       time.Time `json:"at,omitzero"`
	Request  string    `json:"request,omitempty"`
	Place    string    `json:"place"`
	GapMS    float64   `json:"longestGapMs,omitempty"` // between two lines of the request
	GapAfter string    `json:"gapAfter,omitempty"`     // the line before the gap
	duration time.Duration
}

// slow keeps the slowest requests and counts those over the threshold.
type slow struct {
	threshold time.Duration
	top       int
	over      int64
	longest   time.Duration // of all requests, also below the threshold
	rows      []SlowRow     // at most twice top
}

func (s *slow) add(e *input.Entry, what []byte, d time.Duration) {
	s.longest = max(s.longest, d)
	if d < s.threshold {
		return
	}
	s.over++
	if len(what) == 0 && len(e.Statement) > 0 {
		what = []byte("statement " + report.Cut(statementFingerprint(text(e.Statement)), cellWidth))
	}
	s.rows = append(s.rows, SlowRow{
		What: cmp.Or(text(what), "(unknown)"), MS: report.InMillis(d), At: timeOf(e.Nanos), Request: text(e.Request),
		Place: place(e), duration: d,
	})
	if len(s.rows) >= 2*s.top {
		s.cut()
	}
}

// cut keeps the slowest.
func (s *slow) cut() {
	slices.SortStableFunc(s.rows, func(a, b SlowRow) int { return cmp.Compare(b.duration, a.duration) })
	s.rows = s.rows[:min(len(s.rows), s.top)]
}

// result adds to each request where its time went.
func (s *slow) result(r *requests) []SlowRow {
	s.cut()
	for i := range s.rows {
		row := &s.rows[i]
		if t := r.find([]byte(row.Request)); t != nil && row.Request != "" {
			row.GapMS, row.GapAfter = report.InMillis(time.Duration(t.gap)), string(t.gapAfter)
		}
	}
	return append([]SlowRow{}, s.rows...)
}

// RequestRow summarizes the lines of one request.
type RequestRow struct {
	Request  string  `json:"request"`
	MS       float64 `json:"ms"` // from its first to its last line
	Lines    int64   `json:"lines"`
	Errors   int64   `json:"errors"`
	Endpoint string  `json:"endpoint,omitempty"`
	User     string  `json:"user,omitempty"`
	GapMS    float64 `json:"longestGapMs"`
	GapAfter string  `json:"gapAfter,omitempty"`

	Unanswered int    `json:"unanswered,omitempty"` // 1 if no answer was logged
	Place      string `json:"place,omitempty"`      // of an unanswered request
}

// requests follows requests by their identifier, the newest maxRequests of them.
type requests struct {
	threshold time.Duration // a longer request is slow
	calls     []RequestRow  // of hosts' logs

	seed  maphash.Seed
	index map[uint64]int // by the hash of the identifier
	ring  []requestTrace // in the order of their first line
	next  int
}

const (
	maxRequests = 10000
	maxGapText  = 80
)

// requestTrace follows one request from line to line.
type requestTrace struct {
	hash           uint64
	id             []byte
	first, last    int64
	took           int64 // the longest duration that a line gives
	gap            int64
	lines, errors  int64
	gapAfter       []byte // the message before the longest gap
	message        []byte // the last one
	endpoint, user string
}

func (r *requests) add(e *input.Entry, call *pairing) {
	if call != nil && e.RPC.Kind != logline.NoRPC {
		r.answered(e, call)
		return
	}
	if len(e.Request) == 0 || !e.Known || e.RPC.ID != nil {
		return
	}
	t := r.trace(e)
	t.took = max(t.took, int64(e.Duration))
	if gap := e.Nanos - t.last; gap > t.gap {
		t.gap, t.gapAfter = gap, append(t.gapAfter[:0], t.message...)
	}
	t.first, t.last = min(t.first, e.Nanos), max(t.last, e.Nanos)
	t.lines++
	if isError(e) {
		t.errors++
	}
	t.message = append(t.message[:0], e.Message[:min(len(e.Message), maxGapText)]...)
	if t.lines > 1 || t.errors > 0 || t.took > int64(r.threshold) { // a request with one good line is not listed
		t.describe(e)
	}
}

// maxCalls is how many bad calls of hosts are kept: the longest.
const maxCalls = 500

// answered keeps the calls of a host's log that failed or were slow. Their ids are not
// unique in a log, so they are not followed from line to line.
func (r *requests) answered(e *input.Entry, call *pairing) {
	if !call.ended || !call.failed && call.duration <= r.threshold {
		return
	}
	if len(r.calls) == 2*maxCalls {
		slices.SortStableFunc(r.calls, func(a, b RequestRow) int { return cmp.Compare(b.MS, a.MS) })
		r.calls = r.calls[:maxCalls]
	}
	row := RequestRow{Request: text(e.RPC.ID), MS: float64(call.duration) / 1e6, Lines: 2, Endpoint: call.call.name()}
	if call.failed {
		row.Errors = 1
	}
	r.calls = append(r.calls, row)
}

// find returns the trace of a request, nil if it is not kept.
func (r *requests) find(id []byte) *requestTrace {
	if r.index == nil {
		return nil
	}
	if i, ok := r.index[maphash.Bytes(r.seed, id)]; ok {
		return &r.ring[i]
	}
	return nil
}

// trace returns the trace of an entry's request; a new one takes the place of the oldest.
func (r *requests) trace(e *input.Entry) *requestTrace {
	if r.index == nil {
		r.index, r.seed = map[uint64]int{}, maphash.MakeSeed()
	}
	hash := maphash.Bytes(r.seed, e.Request)
	if i, ok := r.index[hash]; ok {
		return &r.ring[i]
	}
	i := len(r.ring)
	if i < maxRequests {
		r.ring = append(r.ring, requestTrace{})
	} else {
		i = r.next
		r.next = (r.next + 1) % maxRequests
		delete(r.index, r.ring[i].hash)
	}
	t := &r.ring[i]
	t.id = append(t.id[:0], e.Request[:min(len(e.Request), maxText)]...)
	t.hash, t.first, t.last, t.took, t.gap, t.lines, t.errors = hash, e.Nanos, e.Nanos, 0, 0, 0, 0
	t.gapAfter, t.message, t.endpoint, t.user = t.gapAfter[:0], t.message[:0], "", ""
	r.index[t.hash] = i
	return t
}

func (t *requestTrace) describe(e *input.Entry) {
	if t.endpoint == "" {
		t.endpoint = text(appendEndpoint(nil, e))
	}
	if t.user == "" {
		t.user = text(e.User)
	}
}

// result lists the requests that were not answered, had an error or took longer than
// the threshold: those without an answer first, then the longest.
func (r *requests) result(top int, open []RequestRow) []RequestRow {
	rows := slices.Concat(open, r.calls)
	for i := range r.ring {
		t := &r.ring[i]
		took := max(t.last-t.first, t.took)
		if t.errors == 0 && time.Duration(took) <= r.threshold {
			continue
		}
		rows = append(rows, RequestRow{
			Request: string(t.id), MS: float64(took) / 1e6, Lines: t.lines, Errors: t.errors, Endpoint: t.endpoint, User: t.user,
			GapMS: float64(t.gap) / 1e6, GapAfter: string(t.gapAfter),
		})
	}
	slices.SortFunc(rows, func(a, b RequestRow) int {
		return cmp.Or(
			cmp.Compare(b.Unanswered, a.Unanswered), cmp.Compare(b.MS, a.MS),
			cmp.Compare(a.Request, b.Request), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Place, b.Place),
		)
	})
	return append([]RequestRow{}, rows[:min(len(rows), top)]...)
}
