package poll

import (
	"errors"
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Result is what a run of polls amounts to.
type Result struct {
	Verdict  string     `json:"verdict"` // "ok" or "alert"
	Targets  []*Target  `json:"targets"`
	Alerts   []Crossing `json:"alerts,omitempty"`
	Warnings []string   `json:"warnings,omitempty"`
}

// The verdicts of a Result.
const (
	VerdictOK    = "ok"
	VerdictAlert = "alert"
)

// Target is what was seen of one target.
type Target struct {
	URL           string   `json:"url"`
	Polls         int64    `json:"polls"` // ticks that were asked, failed ones included
	Failed        int64    `json:"failed"`
	Skipped       int64    `json:"skipped"` // ticks that were missed
	Restarts      int64    `json:"restarts"`
	Unreachable   int64    `json:"unreachable,omitempty"` // polls in which a proxy said that it did not reach the server
	MeanLatencyMs float64  `json:"meanLatencyMs"`         // of the polls that were answered
	MaxLatencyMs  float64  `json:"maxLatencyMs"`
	HeapMB        *Range   `json:"heapMB,omitempty"`
	Sessions      *Range   `json:"sessions,omitempty"`
	LastError     string   `json:"lastError,omitempty"`
	Warnings      []string `json:"warnings,omitempty"`
}

// Range is how a figure moved.
type Range struct {
	First float64 `json:"first"`
	Last  float64 `json:"last"`
	Max   float64 `json:"max"`
}

func (r *Range) add(v float64) *Range {
	if r == nil {
		return &Range{First: v, Last: v, Max: v}
	}
	r.Last, r.Max = v, max(r.Max, v)
	return r
}

// Crossing is an alert that was crossed: when, where and with which value.
type Crossing struct {
	Alert  string        `json:"alert"`
	Target string        `json:"target"`
	At     snapshot.Time `json:"at"`
	Value  float64       `json:"value"`
	Text   string        `json:"text"` // the value with its unit
}

// errDone ends a run as it was asked to end.
var errDone = errors.New("done")

// state is what is remembered of one target from poll to poll.
type state struct {
	target   *Target
	last     *snapshot.Snapshot // the last that was answered
	failures int                // in a row, also of a proxy's server
	crossed  map[int]bool       // alerts, by index, that are crossed now
}

// record takes a poll into the result and hands it on.
func (r *run) record(st *state, s *snapshot.Snapshot, pollErr error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := Event{Snapshot: s, Target: st.target.URL}
	st.target.add(s)
	if pollErr == nil {
		e.Restart = st.restart(s)
		pollErr = unreachable(s)
	}
	if st.failures++; pollErr == nil {
		st.failures = 0
	}
	r.watchAlerts(st, &e)
	if err := r.on(e); err != nil {
		return err
	}
	switch {
	case r.cfg.UntilAlert && len(e.Crossed) > 0:
		return errDone
	case r.cfg.FailAfter > 0 && st.failures >= r.cfg.FailAfter:
		return fmt.Errorf("%d polls in a row failed, the last one %w", st.failures, pollErr)
	}
	return nil
}

// unreachable is the error of a poll that a proxy answered while it does not reach the server.
func unreachable(s *snapshot.Snapshot) error {
	if why := s.Unreachable(); why != "" {
		return fmt.Errorf("answered by the proxy alone, which does not reach the server: %s", why)
	}
	return nil
}

// restart compares s with the last answer and marks it where the server restarted.
func (st *state) restart(s *snapshot.Snapshot) string {
	last := st.last
	st.last = s
	if last == nil {
		return ""
	}
	reason, restarted := snapshot.Restarted(last, s)
	s.Poll.Restarted = restarted
	if restarted {
		st.target.Restarts++
	}
	return reason
}

func (r *run) watchAlerts(st *state, e *Event) {
	for i, a := range r.cfg.Alerts {
		value, known := a.Value(e.Snapshot, st.failures)
		if !known {
			continue
		}
		r.judged[i] = true
		crossed := a.Holds(value)
		switch {
		case crossed && !st.crossed[i]:
			c := Crossing{Alert: a.String(), Target: e.Target, At: e.Snapshot.Poll.At, Value: value, Text: a.Format(value)}
			e.Crossed = append(e.Crossed, c)
			r.alerts = append(r.alerts, c)
		case !crossed && st.crossed[i]:
			e.Over = append(e.Over, a)
		}
		st.crossed[i] = crossed
	}
}

// add counts one poll.
func (t *Target) add(s *snapshot.Snapshot) {
	t.Polls++
	t.Skipped += s.Poll.Skipped
	if s.Failed() {
		t.Failed++
		t.LastError = s.Poll.Error
		return
	}
	if s.Unreachable() != "" {
		t.Unreachable++
	}
	answered := float64(t.Polls - t.Failed)
	t.MeanLatencyMs += (s.Poll.LatencyMs - t.MeanLatencyMs) / answered
	t.MaxLatencyMs = max(t.MaxLatencyMs, s.Poll.LatencyMs)
	if s.HeapUsedMB != nil {
		t.HeapMB = t.HeapMB.add(*s.HeapUsedMB)
	}
	if s.ActiveSessions != nil {
		t.Sessions = t.Sessions.add(float64(*s.ActiveSessions))
	}
	if len(t.Warnings) == 0 {
		t.Warnings = s.Warnings
	}
}

// result closes the books. It is an error that no poll at all was answered or
// that an alert was not judged, unless another alert was crossed.
func (r *run) result(err error) (*Result, error) {
	res := &Result{Verdict: VerdictOK, Targets: r.targets, Alerts: r.alerts}
	if len(r.alerts) > 0 {
		res.Verdict = VerdictAlert
	}
	for _, t := range r.targets {
		for _, w := range t.Warnings {
			res.Warnings = append(res.Warnings, t.URL+": "+w)
		}
		if t.Unreachable > 0 {
			res.Warnings = append(res.Warnings, fmt.Sprintf("%s: the proxy did not reach the server in %s", t.URL, report.Plural(t.Unreachable, "poll")))
		}
		if t.Skipped > 0 {
			res.Warnings = append(res.Warnings, fmt.Sprintf("%s: %s skipped, because polls took longer than the interval of %s",
				t.URL, report.Plural(t.Skipped, "tick"), r.cfg.Interval))
		}
	}
	if err != nil && !errors.Is(err, errDone) {
		return res, err
	}
	doubt := r.unjudged()
	if res.Answered() == 0 {
		doubt = r.unanswered()
	}
	if doubt != nil && res.Verdict == VerdictAlert { // what was crossed stays crossed
		res.Warnings = append(res.Warnings, doubt.Error())
		return res, nil
	}
	return res, doubt
}

// unjudged says which alert watches a figure that no snapshot gave. That would
// pass for "not crossed".
func (r *run) unjudged() error {
	for i, a := range r.cfg.Alerts {
		if !r.judged[i] {
			return fmt.Errorf("alert %q could not be judged: no snapshot gives %s", a, a.Metric)
		}
	}
	return nil
}

// unanswered says why no poll at all was answered: what the first target that
// failed said, or that the run was too short for any to end.
func (r *run) unanswered() error {
	for _, t := range r.targets {
		if t.Failed > 0 {
			return fmt.Errorf("polling %s: %s", t.URL, t.LastError)
		}
	}
	return errors.New("no poll was answered before the run ended; the server may hang")
}

// Answered is the number of polls that got a snapshot.
func (r *Result) Answered() int64 {
	n := int64(0)
	for _, t := range r.Targets {
		n += t.Polls - t.Failed
	}
	return n
}
