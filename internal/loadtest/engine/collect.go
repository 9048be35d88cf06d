package engine

import (
	"slices"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// collector adds up the samples of all users.
type collector struct {
	plan *plan.Plan
	log  func(Call)

	mu       sync.Mutex
	total    stepFigures
	steps    []stepFigures
	series   series
	users    []userTotal
	phases   struct{ connect, tls, initialize, end result.Histogram }
	sessions result.Sessions
	refused  failures // sessions that were not opened
	open     result.OpenModel
	waiting  result.Histogram // ages of calls that the end of the run interrupted
	inFlight time.Duration    // sum over all calls
	last     time.Duration    // when the last call ended
}

// stepFigures are the figures of one step, or of all steps.
type stepFigures struct {
	calls, failed           int64
	ok, bad, service, first result.Histogram
	bytes                   result.Bytes
	errors                  failures
}

// userTotal is the sum of the latencies of one user.
type userTotal struct {
	calls int64
	time  time.Duration
}

func newCollector(plan *plan.Plan, log func(Call)) *collector {
	return &collector{plan: plan, log: log, steps: make([]stepFigures, len(plan.Steps))}
}

// add adds samples of one user.
func (c *collector) add(samples []sample) {
	c.mu.Lock()
	for i := range samples {
		s := &samples[i]
		c.total.add(s)
		c.steps[s.step].add(s)
		c.series.add(s)
		c.user(s)
		c.inFlight += s.service
		c.last = max(c.last, s.end)
	}
	c.mu.Unlock()
	if c.log == nil {
		return
	}
	for i := range samples {
		s := &samples[i]
		c.log(Call{At: s.at, User: s.user, Step: s.step, Latency: s.latency, Service: s.service, Bytes: s.bytes, Failure: s.failure.name()})
	}
}

func (f *stepFigures) add(s *sample) {
	f.calls++
	f.bytes.Sent += s.sent
	f.bytes.Received += s.bytes
	if s.failure != nil {
		f.failed++
		f.bad.Add(s.latency)
		f.errors.add(s.failure)
		return
	}
	f.ok.Add(s.latency)
	if s.due {
		f.service.Add(s.service)
	}
	if s.first > 0 {
		f.first.Add(s.first)
	}
}

func (c *collector) user(s *sample) {
	if s.user >= len(c.users) {
		c.users = append(c.users, make([]userTotal, s.user+1-len(c.users))...)
	}
	c.users[s.user].calls++
	c.users[s.user].time += s.latency
}

// update changes the counts other than calls.
func (c *collector) update(change func(*collector)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

// counts returns the number of calls so far.
func (c *collector) counts() (calls, failed int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total.calls, c.total.failed
}

// result stores the figures so far in res, with their histograms if whole is set.
func (c *collector) result(res *result.Result, whole bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &c.total
	res.Calls, res.Failed, res.Succeeded = t.calls, t.failed, t.calls-t.failed
	if res.DurationS > 0 {
		res.CallsPerSecond = float64(t.calls) / res.DurationS
	}
	res.Latency, res.FailedLatency = t.ok.Latency(whole), t.bad.LatencyOrNil(whole)
	res.Service, res.FirstByte = t.service.LatencyOrNil(whole), t.first.LatencyOrNil(whole)
	res.Waiting = c.waiting.LatencyOrNil(whole)
	res.Bytes, res.Errors = t.bytes, t.errors.sorted()
	res.Phases = result.Phases{
		Connect: c.phases.connect.LatencyOrNil(whole), TLS: c.phases.tls.LatencyOrNil(whole),
		Initialize: c.phases.initialize.LatencyOrNil(whole), End: c.phases.end.LatencyOrNil(whole),
	}
	res.Steps = make([]result.StepFigures, len(c.steps))
	for i := range c.steps {
		res.Steps[i] = c.steps[i].figures(&c.plan.Steps[i], whole)
	}
	res.Series = c.series.all(c.last)
	res.Sessions = c.sessions
	res.Sessions.Errors = c.refused.sorted()
	if c.open.Intended > 0 {
		open := c.open
		res.Open = &open
	}
	res.UserMeans, res.UserCalls = spread(c.users)
}

func (f *stepFigures) figures(step *plan.Step, whole bool) result.StepFigures {
	return result.StepFigures{
		Label: step.Label(), Kind: string(step.Kind), Calls: f.calls, Succeeded: f.calls - f.failed, Failed: f.failed,
		Latency: f.ok.Latency(whole), FailedLatency: f.bad.LatencyOrNil(whole), Service: f.service.LatencyOrNil(whole), FirstByte: f.first.LatencyOrNil(whole),
		Bytes: f.bytes, Errors: f.errors.sorted(),
	}
}

// spread returns how the mean latencies and the calls of users differ, nil for fewer
// than two users.
func spread(users []userTotal) (means, calls *result.Spread) {
	var times, counts []float64
	for _, u := range users {
		counts = append(counts, float64(u.calls))
		if u.calls > 0 {
			times = append(times, float64(u.time)/float64(u.calls)/float64(time.Millisecond))
		}
	}
	return spreadOf(times), spreadOf(counts)
}

func spreadOf(values []float64) *result.Spread {
	if len(values) < 2 {
		return nil
	}
	slices.Sort(values)
	return &result.Spread{Least: values[0], Median: values[len(values)/2], Greatest: values[len(values)-1]}
}
