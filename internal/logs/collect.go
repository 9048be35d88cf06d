package logs

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/anomaly"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
	"github.com/mcpdiag/mcpdiag/internal/logs/template"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// collector hands each entry to the parts of a report.
type collector struct {
	calls      calls
	sessions   sessions
	refusals   refusals
	limits     limits
	rates      rates
	errors     errorTable
	database   database
	slow       slow
	requests   requests
	signatures signatureTable
	templates  template.Miner
	counter    anomaly.Counter
	timeline   timeline
	levels     [8]int64 // by logline.Level
	overTime   anomaly.Counter
	entries    int64
	first      int64
	last       int64
	subjects   subjects
	name       []byte                                                // of the current entry's endpoint
	by         func(dst []byte, e *input.Entry, names *namer) []byte // appends the name under which rates are counted
	names      *namer
	series     map[*template.Template]*anomaly.Series
	numbered   int // templates that were given a series
}

// maxTemplates is how many templates are kept.
const maxTemplates = 5000

func newCollector(o *Options) (*collector, error) {
	lex, err := theLexicon()
	if err != nil {
		return nil, err
	}
	names := newNamer()
	c := &collector{
		refusals: refusals{names: names, lexicon: lex}, limits: limits{names: names, lexicon: lex}, signatures: signatureTable{lexicon: lex},
		sessions: sessions{lexicon: lex}, database: database{lexicon: lex}, subjects: subjects{lexicon: lex},
		slow: slow{threshold: o.Slow, top: o.Top}, templates: template.Miner{Limit: maxTemplates},
		requests: requests{threshold: o.Slow}, counter: anomaly.Counter{MaxKeys: 2 * maxNames}, timeline: timeline{request: o.Request},
		calls: calls{lexicon: lex, tools: tally[callStats]{limit: maxTools}}, series: map[*template.Template]*anomaly.Series{}, by: dimensions[cmp.Or(o.By, "endpoint")], names: names,
	}
	c.templates.OnForget = func(t *template.Template) { delete(c.series, t) }
	return c, nil
}

// add counts an entry with its classification and its part in a call.
func (c *collector) add(e *input.Entry, about *subject, call *pairing) {
	c.entries++
	c.levels[e.Level]++
	c.span(e)
	c.timeline.add(e)
	c.name = c.by(c.name[:0], e, c.names)
	c.timed(e, call)
	c.sessions.add(e, &about.words)
	c.requests.add(e, call)
	if !c.limits.add(e, &about.words) { // a request over a limit is no failed login
		c.refusals.add(e, &about.words)
	}
	c.database.add(e, &about.words)
	c.signatures.add(e)
	c.count(e, about)
}

// timed counts the outcome and the duration of a request. Lines that say neither are
// not in the denominator of an error rate.
func (c *collector) timed(e *input.Entry, call *pairing) {
	failed := isError(e)
	if call != nil {
		c.calls.add(call, e)
		if !call.ended {
			return
		}
		failed = call.failed
	}
	if call != nil || e.RPC.Kind == logline.NoRPC && len(e.Tool) == 0 && (e.Status != 0 || e.HasDuration || failed) {
		c.rates.add(c.name, e, failed)
	}
	if e.HasDuration {
		c.slow.add(e, c.name, e.Duration)
	}
}

func (c *collector) span(e *input.Entry) {
	if !e.HasTime() {
		return
	}
	if c.first == 0 || e.Nanos < c.first {
		c.first = e.Nanos
	}
	c.last = max(c.last, e.Nanos)
}

// count feeds errors, templates and status classes to the search for changes.
func (c *collector) count(e *input.Entry, s *subject) {
	var id string
	if isError(e) {
		id = c.errors.add(e)
	}
	var t *template.Template
	if e.RPC.Kind == logline.NoRPC && len(e.Message) > 0 {
		if t = s.template; t == nil || !c.templates.Touch(t) {
			t = c.templates.Add(e.Level.String(), e.Message)
			s.template = t
		}
	}
	if !e.Known {
		return
	}
	c.counter.Line(e.Nanos, len(e.Request) > 0)
	c.overTime.Line(e.Nanos, false)
	switch {
	case e.Level >= logline.Error:
		c.overTime.Add(e.Nanos, levelKey(e.Level))
	case isError(e): // also in a success: isError, status 500
		c.overTime.Add(e.Nanos, levelKey(logline.Error))
	case e.Level == logline.Warn:
		c.overTime.Add(e.Nanos, levelKey(e.Level))
	}
	if id != "" {
		c.counter.Add(e.Nanos, anomaly.Key{Kind: "error", Name: id, Fatal: e.Level == logline.Fatal})
		if len(c.name) > 0 {
			c.counter.Add(e.Nanos, anomaly.Key{Kind: "endpoint", Name: text(c.name)})
		}
	}
	if e.Status >= 400 {
		c.counter.Add(e.Nanos, anomaly.Key{Kind: "status", Name: [...]string{"4xx", "5xx"}[min(1, e.Status/100-4)]})
	}
	if t != nil {
		c.countTemplate(e, t)
	}
}

func levelKey(l logline.Level) anomaly.Key { return anomaly.Key{Kind: "level", Name: l.String()} }

// countTemplate counts under the template's number: its text may still change.
func (c *collector) countTemplate(e *input.Entry, t *template.Template) {
	s, ok := c.series[t]
	if !ok {
		s = c.counter.Series(anomaly.Key{Kind: anomaly.TemplateKind, Name: strconv.Itoa(c.numbered), Error: isError(e)})
		c.series[t] = s
		c.numbered++
	}
	c.counter.Count(s, e.Nanos)
}

// timeline keeps the entries of one request.
type timeline struct {
	request string
	rows    []TimelineRow
	cut     bool // there are more
}

// maxTimeline bounds the timeline of one request.
const maxTimeline = 2000

// TimelineRow is one line of a request.
type TimelineRow struct {
	At      time.Time `json:"at,omitzero"`
	MS      float64   `json:"ms"` // since its first line
	TookMS  float64   `json:"tookMs,omitempty"`
	Level   string    `json:"level,omitempty"`
	Failed  bool      `json:"failed,omitempty"`
	Stream  string    `json:"stream,omitempty"`
	What    string    `json:"what,omitempty"` // tool, method or path
	Message string    `json:"message"`
	Place   string    `json:"place"`
	GapMS   float64   `json:"gapMs"` // since the line before
	Longest bool      `json:"longest,omitempty"`
	nanos   int64
}

func (t *timeline) add(e *input.Entry) {
	if t.request == "" || string(e.Request) != t.request {
		return
	}
	if t.cut = t.cut || len(t.rows) == maxTimeline; t.cut {
		return
	}
	t.rows = append(t.rows, TimelineRow{
		At: timeOf(e.Nanos), nanos: e.Nanos, Level: e.Level.String(), Failed: isError(e), Stream: text(e.Stream), What: text(appendEndpoint(nil, e)),
		Message: lineOf(e), Place: place(e), TookMS: report.InMillis(e.Duration),
	})
}

// lineOf returns the message and the error of an entry in one line.
func lineOf(e *input.Entry) string {
	s := text(e.Message)
	if len(e.ErrorText) > 0 && string(e.ErrorText) != s {
		s += ": " + text(e.ErrorText)
	}
	return s
}

// result sorts the lines by time and marks the longest gap.
func (t *timeline) result() []TimelineRow {
	slices.SortStableFunc(t.rows, func(a, b TimelineRow) int { return cmp.Compare(a.nanos, b.nanos) })
	longest := 0
	for i := range t.rows {
		row := &t.rows[i]
		row.MS = float64(row.nanos-t.rows[0].nanos) / 1e6
		if i > 0 {
			row.GapMS = float64(row.nanos-t.rows[i-1].nanos) / 1e6
			if row.GapMS > t.rows[longest].GapMS {
				longest = i
			}
		}
	}
	if longest > 0 {
		t.rows[longest].Longest = true
	}
	return t.rows
}
