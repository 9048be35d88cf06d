package judge

import (
	"cmp"
	"reflect"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/deps"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// phaseOf has a round of 100 operations for each reading.
func phaseOf(id string, mb ...float64) *Phase {
	per := map[string]string{"closed": "session closed with DELETE", "closed-after-call": "session with a call", "abandoned": "session abandoned"}[id]
	p := &Phase{ID: id, Per: cmp.Or(per, id), OpensSessions: per != ""}
	p.Held = id == "abandoned" || id == "initialize"
	if id == "closed-after-call" {
		p.ComposedOf = []string{"closed", "call"}
	}
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

// The live heap explains a leak that a count decided if it grew too.
func TestLiveGrew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		by   Basis
		step float64 // MB of a round
		want bool
	}{{ByLive, 0, true}, {ByRSS, 1, false}, {ByCount, 0, false}, {ByCount, 1, true}} {
		p := phaseOf("call", line(8, 20, 1)...)
		p.By = c.by
		for i := range p.Rounds {
			p.Rounds[i].LiveMB = new(10 + c.step*float64(i))
		}
		if p.LiveGrew() != c.want {
			t.Errorf("%+v: %v", c, !c.want)
		}
	}
	if p := phaseOf("call", line(8, 20, 1)...); p.LiveGrew() {
		t.Error("without a live heap it grew")
	}
}

// Processes that end and are never collected are a leak, although they hold no memory.
func TestZombies(t *testing.T) {
	t.Parallel()
	p := phaseOf("call", line(8, 20, 0)...)
	for i := range p.Rounds {
		p.Rounds[i].Zombies = float64(100 * i)
	}
	p.Judge()
	if p.Verdict() != trend.Leak || p.By != ByCount || !strings.Contains(p.Trend.Reasons[0].Text, "ended processes that were not collected: 0 before, 700 after") {
		t.Errorf("%s by %s: %+v", p.Verdict(), p.By, p.Trend.Reasons)
	}
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name    string
		phase   *Phase
		change  func(*Phase)
		expired bool
		want    trend.Verdict
		by      Basis
		reason  string // of the first
	}{
		{"flat", phaseOf("call", line(13, 20, 0)...), nil, false, trend.NoLeak, ByRSS, ""},
		{"growing", phaseOf("call", line(13, 20, 1)...), nil, false, trend.Leak, ByRSS, trend.Rising},
		{"growing, abandoned", phaseOf("abandoned", line(13, 20, 1)...), nil, false, trend.Undecided, ByRSS, Unexpired},
		{"growing, abandoned and expired", phaseOf("abandoned", line(13, 20, 1)...), nil, true, trend.Leak, ByRSS, trend.Rising},
		{"growing, abandoned and no longer counted", phaseOf("abandoned", line(13, 20, 1)...), everyRound(func(r *Round) { r.Sessions = new(3.0) }), false, trend.Leak, ByRSS, trend.Rising},
		{"refused", phaseOf("call", line(13, 20, 0)...), func(p *Phase) { p.Refused = 3 }, false, trend.Undecided, ByRSS, ""},
		{"mostly failed", phaseOf("call", line(13, 20, 0)...), func(p *Phase) { p.Failed = 500 }, false, trend.Undecided, ByRSS, ""},
		{"meant to fail", phaseOf("bad-method", line(13, 20, 0)...), func(p *Phase) { p.Failed, p.MeantToFail = 500, true }, false, trend.NoLeak, ByRSS, ""},
		{"answered otherwise in the end", phaseOf("bare-request", line(13, 20, 0)...), func(p *Phase) {
			p.MeantToFail = true
			for i := 5; i < len(p.Rounds); i++ {
				p.Rounds[i].Failed = 100
			}
		}, false, trend.Undecided, ByRSS, ""},
		{"not all processes were read", phaseOf("call", line(13, 20, 0)...), func(p *Phase) { p.Unread = "some are missing" }, false, trend.Undecided, ByRSS, ""},
		{"heap that grows a little more than RSS does", phaseOf("call", 200, 200, 201, 201, 201, 202, 202, 202, 202, 203, 203, 203, 203), everyRound(func(r *Round) { r.HeapMB = new(50 + float64(r.Operations)/200) }), false, trend.Undecided, ByRSS, HeapGrows},
		{"ended", phaseOf("call", line(13, 20, 0)...), func(p *Phase) { p.Ended = "killed" }, false, trend.Undecided, ByRSS, ""},
		{"children", phaseOf("call", line(7, 20, 0)...), everyRound(func(r *Round) { r.Processes = 1 + int(r.Operations) }), false, trend.Leak, ByCount, Counted},
		{"sockets", phaseOf("call", line(13, 20, 0)...), everyRound(func(r *Round) { r.Sockets = new(float64(r.Operations)) }), false, trend.Leak, ByCount, Counted},
		{"connections to a database, one in five calls", phaseOf("call", line(13, 20, 0)...), everyRound(func(r *Round) {
			r.Held = map[string]float64{deps.PostgresConnections: float64(r.Operations / 5), deps.RedisKeys: 7}
		}), false, trend.Leak, ByCount, Counted},
		{"keys, one in five calls", phaseOf("call", line(13, 20, 0)...), everyRound(func(r *Round) {
			r.Held = map[string]float64{deps.RedisKeys: float64(r.Operations / 5)}
		}), false, trend.NoLeak, ByRSS, ""},
		{"a pool of connections that fills", phaseOf("call", line(13, 20, 0)...), everyRound(func(r *Round) {
			r.Held = map[string]float64{deps.PostgresConnections: min(20, float64(r.Operations))}
		}), false, trend.NoLeak, ByRSS, ""},
		{"sessions that are abandoned", phaseOf("abandoned", line(13, 20, 0)...), everyRound(func(r *Round) { r.Sessions = new(float64(r.Operations)) }), false, trend.NoLeak, ByRSS, ""},
		{"a pool that fills", phaseOf("call", line(13, 20, 0)...), everyRound(func(r *Round) { r.Sockets = new(min(250, float64(r.Operations))) }), false, trend.NoLeak, ByRSS, ""},
		{"a few threads", phaseOf("call", line(13, 20, 0)...), everyRound(func(r *Round) { r.Threads = new(float64(r.Number)) }), false, trend.NoLeak, ByRSS, ""},
		{"heap in noise", phaseOf("call", 20, 26, 22, 30, 24, 33, 27, 38, 31, 29, 40, 33, 36), everyRound(func(r *Round) { r.HeapMB = new(5 + float64(r.Operations)/80) }), false, trend.Leak, ByHeap, HeapGrows},
		{"heap without memory", phaseOf("call", line(13, 20, 0)...), everyRound(func(r *Round) { r.HeapMB = new(5 + float64(r.Operations)/80) }), false, trend.Undecided, ByRSS, HeapGrows},
		{"growing, and the collector is lazy", phaseOf("call", line(13, 20, 10)...), func(p *Phase) { p.CollectorMB = 256 }, false, trend.Undecided, ByRSS, LazyHeap},
		{"growing beyond what a lazy collector leaves", phaseOf("call", line(13, 20, 30)...), func(p *Phase) { p.CollectorMB = 256 }, false, trend.Leak, ByRSS, trend.Rising},
		{"heap, and the collector is lazy", phaseOf("call", line(13, 20, 10)...), func(p *Phase) {
			p.CollectorMB = 256
			everyRound(func(r *Round) { r.HeapMB = new(5 + float64(r.Operations)/80) })(p)
		}, false, trend.Undecided, ByHeap, LazyHeap},
		{"growing in one process beyond what its collector leaves", phaseOf("call", line(13, 20, 10)...), func(p *Phase) { p.CollectorMB, p.OverCollector = 256, true }, false, trend.Leak, ByRSS, trend.Rising},
		{"children, and the collector is lazy", phaseOf("call", line(13, 20, 10)...), func(p *Phase) {
			p.CollectorMB = 256
			everyRound(func(r *Round) { r.Processes = 1 + int(r.Operations) })(p)
		}, false, trend.Leak, ByCount, Counted},
		{"growing, abandoned, and asked for", phaseOf("abandoned", line(13, 20, 1)...), func(p *Phase) { p.Asked = true }, false, trend.Leak, ByRSS, trend.Rising},
		{"all calls fail with isError", phaseOf("call", line(13, 20, 0)...), func(p *Phase) { p.Failed = p.Operations }, false, trend.Undecided, ByRSS, ""},
		{"few", phaseOf("call", line(4, 20, 1)...), nil, false, trend.Undecided, ByRSS, trend.TooFew},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := test.phase
			if test.change != nil {
				test.change(p)
			}
			p.Expired = test.expired
			p.Judge()
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

// judged judges phases.
func judged(phases ...*Phase) []*Phase {
	for _, p := range phases {
		p.Judge()
	}
	Explain(phases)
	return phases
}

func sentence(phases ...*Phase) string {
	s := Summarize(phases, "")
	return s.Sentence()
}

// What a session keeps and what a call keeps explains what a session with a
// call keeps; more than that is a finding of its own.
func TestExplained(t *testing.T) {
	t.Parallel()
	parts := func(whole float64) []*Phase {
		return judged(phaseOf("closed", line(13, 20, 2)...), phaseOf("call", line(13, 30, 1)...), phaseOf("closed-after-call", line(13, 40, whole)...))
	}
	p := parts(3)
	if text := sentence(p...); len(p[2].Explained) != 2 || strings.Contains(text, "session with a call") || strings.Count(text, " kept per ") != 2 {
		t.Errorf("explained by %v: %s", p[2].Explained, text)
	}
	p = parts(9)
	if text := sentence(p...); p[2].Explained != nil || !strings.Contains(text, "kept per session with a call") {
		t.Errorf("explained by %v: %s", p[2].Explained, text)
	}
}

// The detection limit stands in the sentence, for what a mixed load does beside its
// operations too.
func TestSentence(t *testing.T) {
	t.Parallel()
	p := judged(phaseOf("closed", line(13, 20, 0)...), phaseOf("abandoned", line(13, 20, 1)...), phaseOf("call", line(13, 20, 0)...))
	s := Summarize(p, "")
	if text := s.Sentence(); s.Verdict != trend.NoLeak || !strings.HasPrefix(text, "no leak detected (detection limit 2.9 KB per session closed with DELETE, 2.9 KB per call); 10.2 KB") ||
		!strings.HasSuffix(text, " kept per session abandoned (95 %: 10.2 KB to 10.3 KB), expiry unknown") {
		t.Errorf("%s: %s", s.Verdict, text)
	}
	mixed := phaseOf("everyday", line(13, 20, 0)...)
	mixed.Per, mixed.Shares = "call of echo", []Share{{"session", 0.25}, {"server/discover", 0.25}}
	if text := sentence(judged(mixed)...); text != "no leak detected (detection limit 2.9 KB per call of echo, 11.7 KB per session, 11.7 KB per server/discover)" {
		t.Error(text)
	}
	if s := Summarize(nil, ""); s.Verdict != trend.Undecided || s.Sentence() != "undecided: nothing was measured" {
		t.Errorf("a run without phases clears nothing: %s", s.Sentence())
	}
	open := judged(phaseOf("closed", line(3, 20, 0)...), phaseOf("call", line(3, 20, 0)...))
	if text := sentence(open...); text != "undecided per session closed with DELETE, per call" {
		t.Error(text)
	}
	leak := judged(phaseOf("closed", line(13, 20, 1)...), phaseOf("call", line(13, 20, 0)...))
	if text := sentence(leak...); !strings.HasPrefix(text, "leak: 10.2 KB kept per session closed with DELETE (") || !strings.HasSuffix(text, "; no leak detected per call (detection limit 2.9 KB)") {
		t.Error(text)
	}
}

// Memory that is held for a time and then released is not a leak; what stays is.
func TestHold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hold Hold
		want trend.Verdict
		code string
	}{
		"kept":                      {Hold{90, 20, 33, 33, 37, 4, false, false, 0}, trend.Leak, trend.Rising},
		"kept, after a collection":  {Hold{90, 20, 33, 27, 30, 4, false, false, 0}, trend.Leak, trend.Rising},
		"released":                  {Hold{33, 20, 33, 21, 21, 4, false, false, 0}, trend.NoLeak, Released},
		"released, RSS stays":       {Hold{90, 20, 33, 33, 33, 4, false, false, 0}, trend.NoLeak, Released},
		"RSS stays, by free memory": {Hold{90, 20, 33, 33, 33, 4, false, false, 16}, trend.Undecided, Released},
		"RSS stays, by more load":   {Hold{90, 20, 33, 33, 33, 20, false, false, 16}, trend.NoLeak, Released},
		"released once, not again":  {Hold{33, 20, 33, 21, 25, 4, false, false, 0}, trend.Undecided, Released},
		"a part is kept":            {Hold{33, 20, 33, 21, 22.5, 4, false, false, 0}, trend.Undecided, Released},
		"kept, no second load":      {Hold{90, 20, 33, 33, 0, 0, false, false, 0}, trend.Leak, trend.Rising},
		"released, no second load":  {Hold{33, 20, 33, 21, 0, 0, false, false, 0}, trend.Undecided, Released},
		"counts that stand":         {Hold{90, 20, 33, 21, 0, 0, true, false, 0}, trend.Leak, trend.Rising},
		"counts that are released":  {Hold{33, 20, 33, 32, 0, 0, true, true, 0}, trend.NoLeak, Released},
	} {
		p := phaseOf("call", line(13, 20, 1)...)
		p.Hold = &c.hold
		p.Judge()
		if p.Verdict() != c.want || p.Trend.Reasons[0].Code != c.code {
			t.Errorf("%s: %s, want %s: %+v", name, p.Verdict(), c.want, p.Trend.Reasons)
		}
		ruledOut := p.Trend.Reasons[max(0, len(p.Trend.Reasons)-2):]
		if c.want == trend.Leak && (ruledOut[0].Code != KeptIdle || ruledOut[1].Code != Unfilled) {
			t.Errorf("%s: what is ruled out is not named: %+v", name, p.Trend.Reasons)
		}
	}
}

// Without a hold time a leak says what was not ruled out.
func TestNoHold(t *testing.T) {
	t.Parallel()
	p := judged(phaseOf("call", line(13, 20, 1)...))[0]
	if idle := p.Trend.Reasons[len(p.Trend.Reasons)-2]; idle.Code != KeptIdle || idle.Leak || !strings.Contains(idle.Text, "not ruled out") {
		t.Errorf("%+v", p.Trend.Reasons)
	}
}

// A server that dies because memory ran out, on a straight line, leaks, however few
// its rounds were.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mb          []float64
		outOfMemory bool
		collector   float64
		want        trend.Verdict
	}{
		"straight":           {[]float64{20, 120, 220, 320, 420}, true, 0, trend.Leak},
		"killed by someone":  {[]float64{20, 120, 220, 320, 420}, false, 0, trend.Undecided},
		"within the garbage": {[]float64{20, 120, 220, 320, 420}, true, 560, trend.Undecided},
		"flat":               {[]float64{20, 120, 121, 120, 121}, true, 0, trend.Undecided},
		"too few":            {[]float64{20, 120, 220}, true, 0, trend.Undecided},
	} {
		p := phaseOf("call", c.mb...)
		p.Ended, p.OutOfMemory, p.CollectorMB = "the server ended", c.outOfMemory, c.collector
		p.Judge()
		if p.Verdict() != c.want {
			t.Errorf("%s: %s, want %s: %+v", name, p.Verdict(), c.want, p.Trend.Reasons)
		}
	}
}

// Files that rise with the operations up to the limit of open files are a leak,
// although they cannot rise any more. A pool that stays near the limit is none.
func TestFileLimit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		limit float64
		files func(operations float64) float64
		want  trend.Verdict
	}{
		{"rises to the limit in some rounds", 1024, func(n float64) float64 { return min(1020, 10+2*n) }, trend.Leak},
		{"rises to the limit in one round", 100, func(n float64) float64 { return min(98, 10+2*n) }, trend.Leak},
		{"a pool far below the limit", 4096, func(n float64) float64 { return min(1020, 10+2*n) }, trend.NoLeak},
		{"at the limit before the load", 64, func(float64) float64 { return 60 }, trend.NoLeak},
		{"at the limit before the load, and one more", 64, func(n float64) float64 { return 60 + min(1, n) }, trend.NoLeak},
		{"a pool that fills up in the first round", 64, func(n float64) float64 { return 50 + min(10, n) }, trend.NoLeak},
		{"a pool that fills up in three rounds", 64, func(n float64) float64 { return 50 + min(10, n/30) }, trend.NoLeak},
	}
	for _, test := range tests {
		p := phaseOf("call", line(13, 20, 0)...)
		p.FileLimit = test.limit
		everyRound(func(r *Round) { r.Files = new(test.files(float64(r.Operations))) })(p)
		p.Judge()
		if p.Verdict() != test.want {
			t.Errorf("%s: %s, want %s: %+v", test.name, p.Verdict(), test.want, p.Trend.Reasons)
		}
		if test.want == trend.Leak && (p.By != ByCount || !strings.Contains(p.Trend.Reasons[0].Text, "at its limit of")) {
			t.Errorf("%s: by %s: %+v", test.name, p.By, p.Trend.Reasons)
		}
	}
}

// A count decides before memory does, with too few rounds for an interval too.
func TestCountWithoutInterval(t *testing.T) {
	t.Parallel()
	p := phaseOf("call", 20, 50, 80, 110, 140, 170, 200)
	everyRound(func(r *Round) { r.Processes = 1 + int(r.Operations) })(p)
	if p.Judge(); p.Verdict() != trend.Leak || p.Rate.Bytes < 300<<10 || p.Rate.Low > p.Rate.Bytes {
		t.Errorf("%s, rate %+v", p.Verdict(), p.Rate)
	}
}

// What a collector may not have collected is not over a budget: a healthy server
// whose cache fills grows like that.
func TestUndecidedIsNotOverBudget(t *testing.T) {
	t.Parallel()
	grows := phaseOf("call", line(13, 20, 1)...)
	grows.CollectorMB = 512
	p, old := judged(grows), judged(phaseOf("call", line(13, 20, 0)...))
	budgets := CheckBudgets(p, []Budget{{Bytes: 1 << 10, Per: "call", Text: "1KB/call"}})
	all, _ := Compare(p, old)
	if p[0].Verdict() != trend.Undecided || Faulty(p[0], budgets) || budgets[0].Verdict != Open || all[0].Worse || !all[0].Open ||
		!strings.Contains(all[0].Text, "not known to be worse") {
		t.Errorf("%s: %+v, %+v", p[0].Sentence(), budgets, all)
	}
}

// A budget per session is of the sessions of the everyday load.
func TestBudgetPerSession(t *testing.T) {
	t.Parallel()
	p := phaseOf("everyday", line(13, 20, 1)...) // 10.5 KB a call
	p.Shares = []Share{{"session", 0.25}}
	for bytes, want := range map[float64]string{50 << 10: Within, 30 << 10: Over} {
		if c := CheckBudgets(judged(p), []Budget{{Bytes: bytes, Per: "session", Text: "b"}}); len(c) != 1 || c[0].Verdict != want {
			t.Errorf("%.0f bytes: %+v, want %s", bytes, c, want)
		}
	}
	second := phaseOf("everyday", line(13, 20, 0)...)
	if c := CheckBudgets(judged(p, second), []Budget{{Bytes: 1, Per: "call", Text: "b"}}); len(c) != 2 {
		t.Errorf("each tool has its own check: %+v", c)
	}
}

// A server that dies in the warm-up of a later phase is not cleared by those before.
func TestEndedInALaterWarmUp(t *testing.T) {
	t.Parallel()
	s := Summarize(judged(phaseOf("call", line(13, 20, 0)...)), "the server ended during the run: killed")
	if text := s.Sentence(); s.Verdict != trend.Undecided || !strings.HasPrefix(text, "undecided: the server ended during the run: killed; no leak detected per call") {
		t.Errorf("%s: %s", s.Verdict, text)
	}
}

// A baseline of another tool says nothing.
func TestBaselineOfAnotherTool(t *testing.T) {
	t.Parallel()
	now, old := judged(phaseOf("call", line(13, 20, 1)...)), judged(phaseOf("call", line(13, 20, 0)...))
	old[0].Per = "call of another"
	if all, warnings := Compare(now, old); len(all) != 0 || !strings.Contains(strings.Join(warnings, ""), "call of another") {
		t.Errorf("%+v, warnings %q", all, warnings)
	}
}

// If the heap grows and RSS does not, nothing is cleared, and the detection limit is
// no better than the growth of the heap.
func TestHeapThatIsHidden(t *testing.T) {
	t.Parallel()
	p := phaseOf("call", line(13, 200, 0)...)
	everyRound(func(r *Round) { r.HeapMB = new(50 + float64(r.Operations)/10) })(p)
	p.Judge()
	if p.Verdict() != trend.Undecided || p.Trend.Smallest < 100<<10 || !strings.Contains(p.Trend.Reasons[0].Text, "memory that the process already had") {
		t.Errorf("limit %.0f: %+v", p.Trend.Smallest, p.Trend.Reasons)
	}
	flat := phaseOf("call", line(13, 200, 0)...)
	everyRound(func(r *Round) { r.HeapMB = new(50 + 0.1*float64(r.Number%2)) })(flat)
	if flat.Judge(); flat.Trend.Smallest > 20<<10 {
		t.Errorf("limit %.0f beside a flat heap: %+v", flat.Trend.Smallest, flat.Heap)
	}
}

// Abandoned sessions that are still counted are not closed sessions that stay.
func TestCauseOfOpenSessions(t *testing.T) {
	t.Parallel()
	p := phaseOf("initialize", line(13, 20, 1)...)
	everyRound(func(r *Round) { r.Sessions = new(float64(r.Operations)) })(p)
	if causes := CausesOf(judged(p)); len(causes) != 1 || strings.Contains(causes[0].Means, "were closed") {
		t.Errorf("%+v", causes)
	}
}

// The rules read the evidence and never change it: judging twice is judging once.
func TestJudgeIsPure(t *testing.T) {
	t.Parallel()
	p := phaseOf("call", line(13, 20, 1)...)
	p.CollectorMB, p.Refused = 512, 2
	p.Judge()
	want := p.Judgement
	if p.Judge(); !reflect.DeepEqual(p.Judgement, want) {
		t.Errorf("%+v, then %+v", want, p.Judgement)
	}
}
