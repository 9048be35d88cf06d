package logs

import (
	"cmp"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// RefusalRow counts the refusals of one user for one reason.
type RefusalRow struct {
	Who    string    `json:"who"`
	Reason string    `json:"reason"`
	Count  int64     `json:"count"`
	First  time.Time `json:"first,omitzero"`
	Last   time.Time `json:"last,omitzero"`
}

// LimitRow counts the requests of one user to one endpoint that were over a rate limit.
type LimitRow struct {
	Who      string    `json:"who"`
	Endpoint string    `json:"endpoint"`
	Count    int64     `json:"count"`
	First    time.Time `json:"first,omitzero"`
	Last     time.Time `json:"last,omitzero"`
	PeakSec  int64     `json:"peakPerSecond"`
}

// pairKey returns the name of a row that has two parts.
func pairKey(a, b string) []byte { return []byte(a + "\x00" + b) }

// occurrences counts events and when they were.
type occurrences struct {
	count, first, last int64
	second, inSecond   int64
	peak               int64
}

func (o *occurrences) add(e *input.Entry) {
	o.count++
	if !e.Known {
		return
	}
	if o.first == 0 || e.Nanos < o.first { // streams and files come one after another
		o.first = e.Nanos
	}
	o.last = max(o.last, e.Nanos)
	if sec := e.Nanos / int64(time.Second); sec != o.second {
		o.second, o.inSecond = sec, 0
	}
	o.inSecond++
	o.peak = max(o.peak, o.inSecond)
}

func timeOf(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// refusals are requests that were refused for lack of credentials or rights.
type refusals struct {
	names   *namer
	lexicon *lexicon
	rows    tally[occurrences]
}

// authWords are the phrases of loggers and libraries for refused credentials.
var authWords = []string{
	"authentication_failed", "auth_failed", "authentication failed", "login failed", "unauthorized", "invalid token", "invalid_token", "jwt expired",
	"token expired", "token has expired", "expired_token", "invalid signature", "signature verification failed", "jwt malformed", "audience invalid",
	"invalid audience", "insufficient_scope", "insufficient scope", "permission denied for user", "invalid api key", "forbidden",
}

func (r *refusals) add(e *input.Entry, said *wordSet) {
	refused := e.Status == 401 || e.Status == 403
	if !refused && (e.RPC.Kind != logline.NoRPC && !e.RPC.IsError || succeeded(e) || !said.any(&r.lexicon.auth)) {
		return
	}
	r.rows.row(pairKey(r.names.clientOf(e), r.reasonOf(e, said))).add(e)
}

// succeeded reports whether the status of a request says that it was served, so that a phrase
// in its path says nothing. A named event counts whatever the status is.
func succeeded(e *input.Entry) bool { return e.Status > 0 && e.Status < 400 && len(e.Event) == 0 }

// reasonOf is the reason that the line gives, else the phrase or the status.
func (r *refusals) reasonOf(e *input.Entry, said *wordSet) string {
	switch {
	case len(e.Reason) > 0:
		return text(e.Reason)
	case len(e.ErrorText) > 0:
		return text(e.ErrorText)
	}
	if word := r.lexicon.first(authWords, said); word != "" {
		return word
	}
	return map[int]string{401: "401 unauthorized", 403: "403 forbidden"}[e.Status]
}

func (r *refusals) result() []RefusalRow {
	rows := []RefusalRow{}
	for name, o := range r.rows.sorted(func(a, b *occurrences) int { return cmp.Compare(b.count, a.count) }) {
		who, reason, _ := strings.Cut(name, "\x00")
		rows = append(rows, RefusalRow{Who: who, Reason: reason, Count: o.count, First: timeOf(o.first), Last: timeOf(o.last)})
	}
	return rows
}

// limits are requests over a rate limit.
type limits struct {
	names   *namer
	lexicon *lexicon
	rows    tally[occurrences]
}

// Phrases for a request over a limit. The names of limits count only in named events and in
// warnings: routine lines have them for what remains, and for settings.
var (
	limitWords = []string{
		"too many requests", "rate limit exceeded", "rate limit reached", "rate limit hit", "exceeded the rate limit", "exceeded rate limit", "rate limited", "rate-limited",
		"rate_limited", "rate_limit_exceeded", "ratelimited", "ratelimitexceeded", "ratelimiterror",
	}
	limitNames = []string{"rate_limit", "rate limit", "ratelimit"}
)

func (l *limits) add(e *input.Entry, said *wordSet) bool {
	named := (len(e.Event) > 0 || e.Level >= logline.Warn) && said.any(&l.lexicon.limitNames)
	if e.Status != 429 && e.RPC.Code != -32004 && (succeeded(e) || !named && !said.any(&l.lexicon.limit)) {
		return false
	}
	l.rows.row(pairKey(l.names.clientOf(e), cmp.Or(text(appendEndpoint(nil, e)), "(unknown)"))).add(e)
	return true
}

func (l *limits) result() []LimitRow {
	rows := []LimitRow{}
	for name, o := range l.rows.sorted(func(a, b *occurrences) int { return cmp.Compare(b.count, a.count) }) {
		who, endpoint, _ := strings.Cut(name, "\x00")
		rows = append(rows, LimitRow{Who: who, Endpoint: endpoint, Count: o.count, First: timeOf(o.first), Last: timeOf(o.last), PeakSec: o.peak})
	}
	return rows
}

// RateRow is the error rate of one endpoint or tool, with its 95 % interval (Wilson).
type RateRow struct {
	Name   string  `json:"name"`
	Lines  int64   `json:"lines"` // that name it: the denominator
	Errors int64   `json:"errors"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// rates are the error rates of endpoints and tools.
type rates struct {
	rows tally[rateCount]
	all  rateCount // of the requests to any endpoint
}

type rateCount struct{ lines, errors int64 }

func (r *rateCount) add(failed bool) {
	r.lines++
	if failed {
		r.errors++
	}
}

// add counts a request under a name, which may be missing.
func (r *rates) add(name []byte, e *input.Entry, failed bool) {
	if hasEndpoint(e) {
		r.all.add(failed)
	}
	if len(name) > 0 {
		r.rows.row(name[:min(len(name), maxText)]).add(failed)
	}
}

// result sorts by the lower end of the interval, so that one error of one request does not lead.
func (r *rates) result() []RateRow {
	low := func(c *rateCount) float64 { l, _ := trend.Wilson(float64(c.errors), float64(c.lines)); return l }
	rows := []RateRow{}
	for name, c := range r.rows.sorted(func(a, b *rateCount) int {
		return cmp.Or(cmp.Compare(low(b), low(a)), cmp.Compare(b.lines, a.lines))
	}) {
		row := RateRow{Name: name, Lines: c.lines, Errors: c.errors}
		row.Low, row.High = trend.Wilson(float64(c.errors), float64(c.lines))
		rows = append(rows, row)
	}
	return rows
}
