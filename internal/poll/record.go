package poll

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// errDone ends a run that has reached its end.
var errDone = errors.New("done")

// state is the state of one target between polls.
type state struct {
	target   *Target
	last     *snapshot.Snapshot        // the last answer
	failures int                       // in a row, also of a proxy's server
	crossed  map[int]bool              // alerts, by index, that are crossed now
	unknown  bool                      // its name does not exist
	left     map[snapshot.Process]bool // processes that another one followed; true if that counted as a restart
}

// record adds a poll to the result and passes it on.
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
	st.unknown = pollErr != nil && noSuchHost(pollErr)
	switch {
	case r.allUnknown():
		return fmt.Errorf("%w; no target has a name that can be resolved", pollErr)
	case r.cfg.UntilAlert && len(e.Crossed) > 0:
		return errDone
	case r.cfg.FailAfter > 0 && st.failures >= r.cfg.FailAfter:
		return fmt.Errorf("%d polls in a row failed, the last: %w", st.failures, pollErr)
	}
	return nil
}

// unreachable returns an error if a proxy answered that does not reach its server.
func unreachable(s *snapshot.Snapshot) error {
	if why := s.Unreachable(); why != "" {
		return fmt.Errorf("the proxy answers but does not reach its server: %s", why)
	}
	return nil
}

// restart returns why the server seems to have restarted before s, and marks s.
func (st *state) restart(s *snapshot.Snapshot) string {
	last := st.last
	st.last = s
	if last == nil {
		return ""
	}
	reason, restarted := snapshot.Restarted(last, s)
	if st.inTurn(last, s, restarted) {
		return ""
	}
	s.Poll.Restarted = restarted
	if restarted {
		st.target.Restarts++
	}
	return reason
}

const maxProcesses = 1000 // of a target, that are remembered

// inTurn reports whether the process that made s answered before the one that made last, as
// workers and replicas do behind one address: it has not started in between. restarted
// means that it would count as a restart otherwise.
func (st *state) inTurn(last, s *snapshot.Snapshot, restarted bool) bool {
	before, known := last.Process()
	now, knownNow := s.Process()
	if !known || !knownNow || before.Is(now) {
		return false
	}
	if st.left == nil || len(st.left) >= maxProcesses {
		st.left = map[snapshot.Process]bool{}
	}
	before, now = st.seen(before), st.seen(now)
	counted, again := st.left[now]
	st.left[before] = restarted && !again
	if counted {
		st.left[now] = false
		st.target.Restarts-- // it was none
	}
	if again {
		st.target.Processes = int64(len(st.left))
	}
	return again
}

// seen returns the process that is remembered as p, or p.
func (st *state) seen(p snapshot.Process) snapshot.Process {
	for q := range st.left {
		if q.Is(p) {
			return q
		}
	}
	return p
}

// noSuchHost reports whether the name of the target does not exist, which waiting
// does not change.
func noSuchHost(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// allUnknown reports whether the last poll of every target failed for its name.
func (r *run) allUnknown() bool {
	return !slices.ContainsFunc(r.states, func(st *state) bool { return !st.unknown })
}

func (r *run) watchAlerts(st *state, e *Event) {
	for i, a := range r.cfg.Alerts {
		value, known := a.Value(e.Snapshot, st.failures)
		if !known {
			continue
		}
		r.judged[i] = true
		r.listed[i] = r.listed[i] || a.listed(e.Snapshot)
		crossed := a.Holds(value)
		switch {
		case crossed && !st.crossed[i]:
			c := Crossing{Alert: a.String(), Target: e.Target, At: e.Snapshot.Poll.At, Value: value, Text: a.Format(value)}
			e.Crossed = append(e.Crossed, c)
			r.alerts = append(r.alerts, c)
		case !crossed && st.crossed[i]:
			e.Cleared = append(e.Cleared, a)
		}
		st.crossed[i] = crossed
	}
}

// result ends the run. It is an error if no poll was answered or an alert could not be
// judged, unless another alert was crossed.
func (r *run) result(err error) (*Result, error) {
	res := &Result{Verdict: VerdictOK, Targets: r.targets, Alerts: r.alerts}
	if len(r.alerts) > 0 {
		res.Verdict = VerdictAlert
	}
	if r.cfg.Once {
		res.Calls, res.Queues = r.inFlight()
	}
	for _, t := range r.targets {
		for _, w := range t.Warnings {
			res.Warnings = append(res.Warnings, t.URL+": "+w)
		}
		if t.Polls == 0 && res.Answered() > 0 {
			res.Warnings = append(res.Warnings, t.URL+": no poll was answered before the run ended; the server may hang")
		}
		if t.Unreachable > 0 {
			res.Warnings = append(res.Warnings, fmt.Sprintf("%s: the proxy did not reach its server in %s", t.URL, report.Plural(t.Unreachable, "poll")))
		}
		if t.Processes > 0 {
			res.Warnings = append(res.Warnings, fmt.Sprintf("%s: %d processes answer in turn, so their memory and counters are mixed; poll each at an address of its own", t.URL, t.Processes))
		}
		if t.Skipped > 0 {
			res.Warnings = append(res.Warnings, fmt.Sprintf("%s: %s skipped, because polls took longer than the interval of %s",
				t.URL, report.Plural(t.Skipped, "tick"), r.cfg.Interval))
		}
	}
	for i, a := range r.cfg.Alerts {
		if r.judged[i] && !r.listed[i] {
			res.Warnings = append(res.Warnings, fmt.Sprintf("alert %q: no snapshot lists this queue, which counts as empty", a))
		}
	}
	if err != nil && !errors.Is(err, errDone) {
		return res, err
	}
	doubt := r.unjudged()
	if res.Answered() == 0 {
		doubt = r.unanswered()
	}
	if doubt != nil && res.Verdict == VerdictAlert { // it is a finding all the same
		res.Warnings = append(res.Warnings, doubt.Error())
		return res, nil
	}
	return res, doubt
}

// inFlight returns the calls of the last answers, the oldest first, and their queues. The
// calls are nil if no answer lists them.
func (r *run) inFlight() (calls []InFlight, queues []Queue) {
	for _, st := range r.states {
		if st.last == nil {
			continue
		}
		if st.last.ToolCallStack == nil {
			st.target.Warnings = append(st.target.Warnings, "the snapshot does not list calls (toolCallStack)")
		} else if calls == nil {
			calls = []InFlight{}
		}
		calls = append(calls, inFlight(st.target.URL, st.last)...)
		queues = append(queues, queued(st.target.URL, st.last)...)
	}
	oldestFirst(calls)
	return calls, queues
}

// unjudged returns an error for an alert on a figure that no snapshot gave, which would
// look as if it was not crossed.
func (r *run) unjudged() error {
	for i, a := range r.cfg.Alerts {
		if !r.judged[i] {
			return fmt.Errorf("alert %q could not be judged: no snapshot gives %s", a, a.Metric)
		}
	}
	return nil
}

// FailedError means that no poll was answered, and why a target's last one was not.
type FailedError struct{ URL, Cause string }

func (e *FailedError) Error() string { return fmt.Sprintf("polling %s: %s", e.URL, e.Cause) }

// unanswered returns why no poll was answered: the error of the first target that
// failed, or that none ended before the run did.
func (r *run) unanswered() error {
	for _, t := range r.targets {
		if t.Failed > 0 {
			return &FailedError{t.URL, t.LastError}
		}
	}
	return errors.New("no poll was answered before the run ended; the server may hang")
}
