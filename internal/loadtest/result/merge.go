package result

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// maxResult bounds the JSON of a result.
const maxResult = 64 << 20

// Read reads the JSON of a result.
func Read(r io.Reader) (*Result, error) {
	data, err := report.ReadAtMost(r, maxResult)
	if err != nil {
		return nil, err
	}
	var res Result
	if err := json.Unmarshal(data, &res); err != nil {
		return nil, fmt.Errorf("not the JSON of a load test: %w", err)
	}
	if res.Schema != Schema {
		return nil, fmt.Errorf("not the JSON of a load test of this version: its schema is %q, want %q", res.Schema, Schema)
	}
	return &res, nil
}

// Merge adds results of the same load from several machines or runs.
func Merge(results []*Result) (*Result, error) {
	if len(results) == 0 {
		return nil, errors.New("no results to merge")
	}
	m := merger{into: &Result{}}
	*m.into = *results[0]
	m.into.Checks, m.into.Comparison = nil, nil
	for _, r := range results[1:] {
		if err := m.add(r); err != nil {
			return nil, err
		}
	}
	return m.into, nil
}

// merger adds results to the first one.
type merger struct {
	into *Result
	err  error
}

func (m *merger) add(r *Result) error {
	a := m.into
	m.warnIfDifferent(r)
	a.Verdict, a.Reasons = worse(a.Verdict, r.Verdict), union(a.Reasons, r.Reasons)
	if r.StartedAt.Before(a.StartedAt) {
		a.StartedAt = r.StartedAt
	}
	a.Users += r.Users
	a.Rounds = max(a.Rounds, r.Rounds)
	a.DurationS = max(a.DurationS, r.DurationS)
	a.Calls, a.Succeeded, a.Failed = a.Calls+r.Calls, a.Succeeded+r.Succeeded, a.Failed+r.Failed
	if a.DurationS > 0 {
		a.CallsPerSecond = float64(a.Calls) / a.DurationS
	}
	a.Latency = *m.latency(&a.Latency, &r.Latency)
	a.FailedLatency = m.latency(a.FailedLatency, r.FailedLatency)
	a.Waiting = m.latency(a.Waiting, r.Waiting)
	a.Service, a.FirstByte = m.latency(a.Service, r.Service), m.latency(a.FirstByte, r.FirstByte)
	a.Phases.Connect, a.Phases.TLS = m.latency(a.Phases.Connect, r.Phases.Connect), m.latency(a.Phases.TLS, r.Phases.TLS)
	a.Phases.Initialize, a.Phases.End = m.latency(a.Phases.Initialize, r.Phases.Initialize), m.latency(a.Phases.End, r.Phases.End)
	a.UserMeans, a.UserCalls = mergeSpread(a.UserMeans, r.UserMeans), mergeSpread(a.UserCalls, r.UserCalls)
	a.Bytes = Bytes{a.Bytes.Sent + r.Bytes.Sent, a.Bytes.Received + r.Bytes.Received}
	a.Errors = addErrors(a.Errors, r.Errors)
	m.steps(r)
	a.Series = addSeries(a.Series, r.Series)
	a.Sessions = addSessions(a.Sessions, r.Sessions)
	a.Open = addOpen(a.Open, r.Open)
	a.Interrupted = a.Interrupted || r.Interrupted
	a.Warnings = union(a.Warnings, r.Warnings)
	return m.err
}

func (m *merger) warnIfDifferent(r *Result) {
	a := m.into
	for _, d := range []struct{ noun, ours, theirs string }{
		{"the servers", a.URL, r.URL}, {"the protocols", a.Protocol, r.Protocol}, {"the tools", a.Tool, r.Tool},
	} {
		if d.ours != d.theirs {
			a.Warnings = union(a.Warnings, []string{fmt.Sprintf("%s differ: %s and %s", d.noun, d.ours, d.theirs)})
		}
	}
	a.Warnings = union(a.Warnings, []string{"merged: percentiles per second and medians over users are means of those of the runs"})
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(slices.Clone(a), s)
		}
	}
	return a
}

// latency adds two distributions.
func (m *merger) latency(a, b *Latency) *Latency {
	switch {
	case b == nil || b.Count == 0:
		return a
	case a == nil || a.Count == 0:
		return b
	}
	var sum Histogram
	for _, l := range []*Latency{a, b} {
		h, err := l.Decode()
		if err != nil {
			m.err = err
			return a
		}
		sum.Merge(h)
	}
	out := sum.Latency(true)
	return &out
}

func mergeSpread(a, b *Spread) *Spread {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	return &Spread{Least: min(a.Least, b.Least), Median: (a.Median + b.Median) / 2, Greatest: max(a.Greatest, b.Greatest)}
}

func addErrors(a, b []ErrorCount) []ErrorCount {
	out := slices.Clone(a)
	for _, e := range b {
		i := slices.IndexFunc(out, func(o ErrorCount) bool { return o.Kind == e.Kind && o.Code == e.Code })
		if i < 0 {
			out = append(out, e)
		} else {
			out[i].Count += e.Count
		}
	}
	slices.SortStableFunc(out, func(x, y ErrorCount) int { return cmp.Compare(y.Count, x.Count) })
	return out
}

func (m *merger) steps(r *Result) {
	steps := slices.Clone(m.into.Steps)
	for i := range r.Steps {
		s := &r.Steps[i]
		j := slices.IndexFunc(steps, func(o StepFigures) bool { return o.Label == s.Label })
		if j < 0 {
			steps = append(steps, *s)
			continue
		}
		o := &steps[j]
		o.Calls, o.Succeeded, o.Failed = o.Calls+s.Calls, o.Succeeded+s.Succeeded, o.Failed+s.Failed
		o.Latency = *m.latency(&o.Latency, &s.Latency)
		o.FailedLatency, o.Service = m.latency(o.FailedLatency, s.FailedLatency), m.latency(o.Service, s.Service)
		o.FirstByte = m.latency(o.FirstByte, s.FirstByte)
		o.Bytes = Bytes{o.Bytes.Sent + s.Bytes.Sent, o.Bytes.Received + s.Bytes.Received}
		o.Errors = addErrors(o.Errors, s.Errors)
	}
	m.into.Steps = steps
}

// addSeries adds the figures of the same second of each run.
func addSeries(a, b []Second) []Second {
	byTime := map[int]Second{}
	for _, s := range slices.Concat(a, b) {
		o, there := byTime[s.T]
		if !there {
			byTime[s.T] = s
			continue
		}
		mine, theirs := float64(o.Calls-o.Errors), float64(s.Calls-s.Errors)
		if both := mine + theirs; both > 0 {
			o.P50 = (o.P50*mine + s.P50*theirs) / both
			o.P99 = (o.P99*mine + s.P99*theirs) / both
		}
		o.Calls, o.Errors, o.Users = o.Calls+s.Calls, o.Errors+s.Errors, o.Users+s.Users
		byTime[s.T] = o
	}
	return slices.SortedFunc(maps.Values(byTime), func(x, y Second) int { return cmp.Compare(x.T, y.T) })
}

func addSessions(a, b Sessions) Sessions {
	return Sessions{
		Opened: a.Opened + b.Opened, Failed: a.Failed + b.Failed, Closed: a.Closed + b.Closed, Abandoned: a.Abandoned + b.Abandoned,
		Lost: a.Lost + b.Lost, Streams: a.Streams + b.Streams, EndFailed: a.EndFailed + b.EndFailed, Errors: addErrors(a.Errors, b.Errors),
	}
}

func addOpen(a, b *OpenModel) *OpenModel {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	return &OpenModel{
		Intended: a.Intended + b.Intended, Started: a.Started + b.Started, Late: a.Late + b.Late, Dropped: a.Dropped + b.Dropped,
		MaxLate: max(a.MaxLate, b.MaxLate), OwnLate: a.OwnLate + b.OwnLate,
	}
}
