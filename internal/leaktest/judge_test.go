package leaktest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// phaseOf has a round of 100 operations for each reading.
func phaseOf(id string, mb ...float64) *Phase {
	f, err := factorsOf([]string{id})
	if err != nil {
		panic(err)
	}
	p := &Phase{ID: id, Per: f[0].per, Held: f[0].held}
	for i, v := range mb {
		p.Rounds = append(p.Rounds, Round{Number: i, Operations: int64(100 * i), TreeMB: v, Processes: 1})
		p.Operations = int64(100 * i)
	}
	return p
}

func line(n int, from, step float64) []float64 {
	var mb []float64
	for i := range n {
		mb = append(mb, from+step*float64(i)+0.01*float64(i%3))
	}
	return mb
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name    string
		phase   *Phase
		change  func(*Phase)
		expired bool
		want    trend.Verdict
		by      string
		reason  string // of the first
	}{
		{"flat", phaseOf("call", line(13, 20, 0)...), nil, false, trend.NoLeak, ByRSS, ""},
		{"growing", phaseOf("call", line(13, 20, 1)...), nil, false, trend.Leak, ByRSS, trend.Rising},
		{"growing, abandoned", phaseOf("abandoned", line(13, 20, 1)...), nil, false, trend.Undecided, ByRSS, Unexpired},
		{"growing, abandoned and expired", phaseOf("abandoned", line(13, 20, 1)...), nil, true, trend.Leak, ByRSS, trend.Rising},
		{"growing, abandoned and no longer counted", phaseOf("abandoned", line(13, 20, 1)...), everyRound(func(r *Round) { r.Sessions = known(3) }), false, trend.Leak, ByRSS, trend.Rising},
		{"refused", phaseOf("call", line(13, 20, 0)...), func(p *Phase) { p.Refused = 3 }, false, trend.Undecided, ByRSS, ""},
		{"mostly failed", phaseOf("call", line(13, 20, 0)...), func(p *Phase) { p.broken = 500 }, false, trend.Undecided, ByRSS, ""},
		{"meant to fail", phaseOf("bad-method", line(13, 20, 0)...), func(p *Phase) { p.broken, p.expected = 500, true }, false, trend.NoLeak, ByRSS, ""},
		{"answered otherwise in the end", phaseOf("bare-request", line(13, 20, 0)...), func(p *Phase) {
			p.expected = true
			for i := 5; i < len(p.Rounds); i++ {
				p.Rounds[i].Failed = 100
			}
		}, false, trend.Undecided, ByRSS, ""},
		{"not all processes were read", phaseOf("call", line(13, 20, 0)...), func(p *Phase) { p.short = true }, false, trend.Undecided, ByRSS, ""},
		{"heap that grows a little more than RSS does", phaseOf("call", 200, 200, 201, 201, 201, 202, 202, 202, 202, 203, 203, 203, 203), everyRound(func(r *Round) { r.HeapMB = known(50 + float64(r.Operations)/200) }), false, trend.Undecided, ByRSS, ByHeap},
		{"ended", phaseOf("call", line(13, 20, 0)...), func(p *Phase) { p.Ended = "killed" }, false, trend.Undecided, ByRSS, ""},
		{"children", phaseOf("call", line(7, 20, 0)...), everyRound(func(r *Round) { r.Processes = 1 + int(r.Operations) }), false, trend.Leak, ByCount, Counted},
		{"sockets", phaseOf("call", line(13, 20, 0)...), everyRound(func(r *Round) { r.Sockets = known(float64(r.Operations)) }), false, trend.Leak, ByCount, Counted},
		{"sessions that are abandoned", phaseOf("abandoned", line(13, 20, 0)...), everyRound(func(r *Round) { r.Sessions = known(float64(r.Operations)) }), false, trend.NoLeak, ByRSS, ""},
		{"a pool that fills", phaseOf("call", line(13, 20, 0)...), everyRound(func(r *Round) { r.Sockets = known(min(250, float64(r.Operations))) }), false, trend.NoLeak, ByRSS, ""},
		{"a few threads", phaseOf("call", line(13, 20, 0)...), everyRound(func(r *Round) { r.Threads = known(float64(r.Number)) }), false, trend.NoLeak, ByRSS, ""},
		{"heap in noise", phaseOf("call", 20, 26, 22, 30, 24, 33, 27, 38, 31, 29, 40, 33, 36), everyRound(func(r *Round) { r.HeapMB = known(5 + float64(r.Operations)/80) }), false, trend.Leak, ByHeap, ByHeap},
		{"heap without memory", phaseOf("call", line(13, 20, 0)...), everyRound(func(r *Round) { r.HeapMB = known(5 + float64(r.Operations)/80) }), false, trend.Undecided, ByRSS, ByHeap},
		{"growing, and the collector is lazy", phaseOf("call", line(13, 20, 10)...), func(p *Phase) { p.lazy = 256 }, false, trend.Undecided, ByRSS, Lazy},
		{"growing beyond what a lazy collector leaves", phaseOf("call", line(13, 20, 30)...), func(p *Phase) { p.lazy = 256 }, false, trend.Leak, ByRSS, trend.Rising},
		{"heap, and the collector is lazy", phaseOf("call", line(13, 20, 10)...), func(p *Phase) {
			p.lazy = 256
			everyRound(func(r *Round) { r.HeapMB = known(5 + float64(r.Operations)/80) })(p)
		}, false, trend.Undecided, ByHeap, Lazy},
		{"growing in one process beyond what its collector leaves", phaseOf("call", line(13, 20, 10)...), func(p *Phase) { p.lazy, p.beyond = 256, true }, false, trend.Leak, ByRSS, trend.Rising},
		{"children, and the collector is lazy", phaseOf("call", line(13, 20, 10)...), func(p *Phase) {
			p.lazy = 256
			everyRound(func(r *Round) { r.Processes = 1 + int(r.Operations) })(p)
		}, false, trend.Leak, ByCount, Counted},
		{"few", phaseOf("call", line(4, 20, 1)...), nil, false, trend.Undecided, ByRSS, trend.TooFew},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := test.phase
			if test.change != nil {
				test.change(p)
			}
			p.judge(test.expired)
			if p.Trend.Verdict != test.want || p.By != test.by || test.reason != "" && p.Trend.Reasons[0].Code != test.reason {
				t.Errorf("%s by %s, want %s by %s: %+v", p.Trend.Verdict, p.By, test.want, test.by, p.Trend.Reasons)
			}
		})
	}
}

func everyRound(change func(*Round)) func(*Phase) {
	return func(p *Phase) {
		for i := range p.Rounds {
			change(&p.Rounds[i])
		}
	}
}

func resultOf(phases ...*Phase) *Result {
	r := &Result{Schema: Schema, Phases: phases, Series: []Reading{}, Warnings: []string{}}
	for _, p := range phases {
		p.judge(false)
	}
	r.conclude()
	return r
}

// What a session keeps and what a call keeps explains what a session with a
// call keeps; more than that is a finding of its own.
func TestExplained(t *testing.T) {
	parts := func(whole float64) *Result {
		return resultOf(phaseOf("closed", line(13, 20, 2)...), phaseOf("call", line(13, 30, 1)...), phaseOf("closed-after-call", line(13, 40, whole)...))
	}
	if r := parts(3); len(r.Phases[2].Explained) != 2 || strings.Contains(r.Sentence, "session with a call") || strings.Count(r.Sentence, " kept per ") != 2 {
		t.Errorf("explained by %v: %s", r.Phases[2].Explained, r.Sentence)
	}
	if r := parts(9); r.Phases[2].Explained != nil || !strings.Contains(r.Sentence, "kept per session with a call") {
		t.Errorf("explained by %v: %s", r.Phases[2].Explained, r.Sentence)
	}
}

func TestSentence(t *testing.T) {
	r := resultOf(phaseOf("closed", line(13, 20, 0)...), phaseOf("abandoned", line(13, 20, 1)...), phaseOf("call", line(13, 20, 0)...))
	if r.Verdict != trend.NoLeak || !strings.HasPrefix(r.Sentence, "no leak: nothing per session closed with DELETE, per call; 10.") ||
		!strings.HasSuffix(r.Sentence, ", which had not expired") {
		t.Errorf("%s: %s", r.Verdict, r.Sentence)
	}
	if r := resultOf(); r.Verdict != trend.Undecided || r.Sentence != "undecided: nothing was measured" {
		t.Errorf("a run without phases clears nothing: %s", r.Sentence)
	}
}

func TestBudget(t *testing.T) {
	for _, test := range []struct {
		bytes   float64
		per     string
		verdict string
		finding bool
	}{
		{20 << 10, "call", Within, false},
		{1 << 10, "call", Over, true},
		{20 << 10, "session", Open, true},
		{20 << 10, "operation", Within, false},
	} {
		r := resultOf(phaseOf("call", line(13, 20, 1)...)) // 10.5 KB a call
		r.check(&Config{Budgets: []Budget{{Bytes: test.bytes, Per: test.per, Text: "b"}}})
		if r.Budgets[0].Verdict != test.verdict || r.Finding != test.finding {
			t.Errorf("%.0f per %s: %+v, finding %t", test.bytes, test.per, r.Budgets, r.Finding)
		}
	}
}

func TestBaseline(t *testing.T) {
	before, flat := resultOf(phaseOf("call", line(13, 20, 1)...)), resultOf(phaseOf("call", line(13, 20, 0)...))
	for _, test := range []struct {
		old, now *Result
		worse    bool
	}{
		{before, resultOf(phaseOf("call", line(13, 20, 2)...)), true},
		{before, flat, false},
		{flat, resultOf(phaseOf("call", line(13, 20, 0.001)...)), false},
	} {
		test.now.check(&Config{Baseline: test.old})
		if test.now.Baseline[0].Worse != test.worse {
			t.Errorf("%+v", test.now.Baseline[0])
		}
	}
	other := resultOf(phaseOf("closed", line(13, 20, 1)...), phaseOf("call", line(4, 20, 1)...))
	other.check(&Config{Baseline: before})
	if len(other.Baseline) != 0 || len(other.Warnings) != 2 {
		t.Errorf("what cannot be compared: %+v, warnings %q", other.Baseline, other.Warnings)
	}
}

// Each factor and each count has an entry, and no entry is for nothing.
func TestKnowledge(t *testing.T) {
	var known map[string]Cause
	if err := json.Unmarshal(knowledge, &known); err != nil {
		t.Fatal(err)
	}
	for _, f := range factors {
		if c := known[f.id]; c.Means == "" || c.Look == "" {
			t.Errorf("nothing is known of %s", f.id)
		}
		delete(known, f.id)
	}
	for _, c := range counters {
		delete(known, "counted:"+c.what)
	}
	for id := range known {
		t.Errorf("%s is no factor and no count", id)
	}
}

func TestCommandLine(t *testing.T) {
	got := CommandLine([]string{"mcpdiag", "--args", `{"a": 1}`, "it's", "", "{port}"})
	if want := `mcpdiag --args '{"a": 1}' 'it'\''s' '' '{port}'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A leak of one tool says nothing of the others: what is kept per call names
// the tool that was called.
func TestPerTool(t *testing.T) {
	for _, test := range []struct{ id, tool, want string }{
		{everyday, "echo", "call of echo"},
		{"closed-after-call", "echo", "session with a call of echo"},
		{"modern-call", "echo", "stateless call of echo"},
		{"call", "", "tools/list"},
		{"call", "a\x1b[2J\n" + strings.Repeat("b", 99), `call of a\x1b[2J\n` + strings.Repeat("b", 49) + "…"},
		{"failed-call", "echo", "failed call"},
		{"closed", "echo", "session closed with DELETE"},
	} {
		found, err := factorsOf([]string{test.id})
		if err != nil {
			t.Fatal(err)
		}
		if got := found[0].perTool(test.tool); got != test.want {
			t.Errorf("%s of %q: got %q, want %q", test.id, test.tool, got, test.want)
		}
	}
}

// What a collector may not have looked at yet is neither over a budget nor worse
// than before: a healthy server whose cache fills grows like that.
func TestUndecidedIsNoFinding(t *testing.T) {
	grows := phaseOf("call", line(13, 20, 1)...)
	grows.lazy = 512
	r, old := resultOf(grows), resultOf(phaseOf("call", line(13, 20, 0)...))
	r.check(&Config{Budgets: []Budget{{Bytes: 1 << 10, Per: "call", Text: "1KB/call"}}, Baseline: old})
	if r.Verdict != trend.Undecided || r.Finding || r.Budgets[0].Verdict != Open || r.Baseline[0].Worse {
		t.Errorf("%s: finding %t, %+v, %+v", r.Sentence, r.Finding, r.Budgets, r.Baseline)
	}
	if !r.Baseline[0].Open || !strings.Contains(r.Baseline[0].Text, "not known to be worse") {
		t.Errorf("the comparison says %s", r.Baseline[0].Text)
	}
}

// A server that dies in the warm-up of a later phase is not cleared by those before.
func TestEndedInALaterWarmUp(t *testing.T) {
	r := resultOf(phaseOf("call", line(13, 20, 0)...))
	if r.Verdict != trend.NoLeak {
		t.Fatal(r.Sentence)
	}
	r.Ended = "the server ended during the run: killed"
	r.conclude()
	if r.Verdict != trend.Undecided || !strings.HasPrefix(r.Sentence, "undecided: nothing per call; the server ended") {
		t.Errorf("%s: %s", r.Verdict, r.Sentence)
	}
}

// A baseline of another tool says nothing, and what is undecided is open.
func TestBaselineOfAnotherTool(t *testing.T) {
	now, old := resultOf(phaseOf("call", line(13, 20, 1)...)), resultOf(phaseOf("call", line(13, 20, 0)...))
	old.Phases[0].Per = "call of another"
	now.check(&Config{Baseline: old})
	if len(now.Baseline) != 0 || !strings.Contains(strings.Join(now.Warnings, ""), "call of another") {
		t.Errorf("%+v, warnings %q", now.Baseline, now.Warnings)
	}
}

// Where the heap grows and RSS does not, nothing is cleared, and a leak of as much
// is not said to be visible.
func TestHeapThatIsHidden(t *testing.T) {
	p := phaseOf("call", line(13, 200, 0)...)
	everyRound(func(r *Round) { r.HeapMB = known(50 + float64(r.Operations)/10) })(p)
	p.judge(false)
	if p.Trend.Verdict != trend.Undecided || p.Trend.Smallest < 100<<10 || !strings.Contains(p.Trend.Reasons[len(p.Trend.Reasons)-1].Text, "memory that was there already") {
		t.Errorf("smallest %.0f: %+v", p.Trend.Smallest, p.Trend.Reasons)
	}
	flat := phaseOf("call", line(13, 200, 0)...)
	everyRound(func(r *Round) { r.HeapMB = known(50 + 0.1*float64(r.Number%2)) })(flat)
	flat.judge(false)
	if flat.Trend.Smallest > 20<<10 {
		t.Errorf("smallest %.0f beside a flat heap: %+v", flat.Trend.Smallest, flat.Heap)
	}
}

// Sessions that were left open are no sessions that were closed and are counted still.
func TestCauseOfOpenSessions(t *testing.T) {
	p := phaseOf("initialize", line(13, 20, 1)...)
	everyRound(func(r *Round) { r.Sessions = known(float64(r.Operations)) })(p)
	r := resultOf(p)
	if len(r.Causes) != 1 || strings.Contains(r.Causes[0].Means, "were closed") {
		t.Errorf("%s: %+v", r.Sentence, r.Causes)
	}
}
