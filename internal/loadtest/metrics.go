package loadtest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// The range and precision of the histograms: a microsecond to an hour, 3 digits.
const (
	leastLatency    = 1
	greatestLatency = int64(time.Hour / time.Microsecond)
	digits          = 3
)

// metrics collects what the users meet.
type metrics struct {
	mu     sync.Mutex
	ok     *hdrhistogram.Histogram
	failed *hdrhistogram.Histogram
	users  []userTotal
	res    *Result
}

// userTotal is what one virtual user's calls took together.
type userTotal struct {
	calls int64
	time  time.Duration
}

func newMetrics(users int, res *Result) *metrics {
	return &metrics{
		ok:     hdrhistogram.New(leastLatency, greatestLatency, digits),
		failed: hdrhistogram.New(leastLatency, greatestLatency, digits),
		users:  make([]userTotal, users),
		res:    res,
	}
}

// call takes in one call of user.
func (m *metrics) call(user int, took time.Duration, result mcp.Result, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.res.Calls++
	m.users[user].calls++
	m.users[user].time += took
	micros := min(max(took.Microseconds(), leastLatency), greatestLatency)
	if err == nil && !result.IsError {
		m.res.Succeeded++
		_ = m.ok.RecordValue(micros) // it is in range
		return
	}
	m.res.Failed++
	_ = m.failed.RecordValue(micros)
	m.count(result, err)
}

// count counts a failure by its kind and keeps the first of each kind as an example.
func (m *metrics) count(result mcp.Result, err error) {
	var status *mcp.StatusError
	var rpc *mcp.RPCError
	var bad *mcp.MalformedError
	e := &m.res.Errors
	switch {
	case err == nil:
		m.example(&e.Tool, "tool", result.Text)
	case errors.As(err, &status):
		m.example(&e.HTTP, "http", err.Error())
	case errors.As(err, &rpc):
		m.example(&e.RPC, "jsonrpc", err.Error())
	case errors.As(err, &bad):
		m.example(&e.Malformed, "malformed", err.Error())
	default:
		m.example(&e.Transport, "transport", client.Cause(err).Error())
	}
}

// maxExample bounds what is kept of a server's words.
const maxExample = 200

func bounded(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxExample)], "")
}

func (m *metrics) example(count *int64, kind, text string) {
	*count++
	if *count == 1 {
		if m.res.Errors.Examples == nil {
			m.res.Errors.Examples = map[string]string{}
		}
		m.res.Errors.Examples[kind] = bounded(text)
	}
}

func (m *metrics) session(count *int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*count++
}

func (m *metrics) noSession(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.res.Sessions.Failed++
	if m.res.Sessions.Failed == 1 {
		m.res.Warnings = append(m.res.Warnings, "a session could not be opened: "+client.Cause(err).Error())
	}
}

func (m *metrics) progress(p *Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.Done, p.Failed = m.res.Calls, m.res.Failed
	p.P50 = time.Duration(m.ok.ValueAtQuantile(50)) * time.Microsecond
	p.P99 = time.Duration(m.ok.ValueAtQuantile(99)) * time.Microsecond
}

// close computes what the result says of the whole run.
func (m *metrics) close(took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.res.Latency = latency(m.ok)
	if m.res.Failed > 0 {
		failed := latency(m.failed)
		m.res.FailedLatency = &failed
	}
	m.res.UserMeans = spread(m.users)
	m.res.DurationS = took.Seconds()
	if took > 0 {
		m.res.CallsPerSecond = float64(m.res.Calls) / took.Seconds()
	}
	m.res.Verdict = VerdictOK
	if m.res.Succeeded == 0 {
		m.res.Verdict = VerdictFailed
	}
}

func latency(h *hdrhistogram.Histogram) Latency {
	ms := func(micros int64) float64 { return float64(micros) / 1000 }
	return Latency{
		Count: h.TotalCount(), Mean: h.Mean() / 1000, Max: ms(h.Max()),
		P50: ms(h.ValueAtQuantile(50)), P90: ms(h.ValueAtQuantile(90)), P99: ms(h.ValueAtQuantile(99)),
	}
}

func spread(users []userTotal) *Spread {
	var means []float64
	for _, u := range users {
		if u.calls > 0 {
			means = append(means, float64(u.time)/float64(u.calls)/float64(time.Millisecond))
		}
	}
	if len(means) < 2 {
		return nil
	}
	slices.Sort(means)
	return &Spread{Least: means[0], Median: means[len(means)/2], Greatest: means[len(means)-1]}
}
