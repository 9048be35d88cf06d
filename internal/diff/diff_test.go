package diff

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// window decodes the documents of one side.
func window(t *testing.T, docs ...string) Window {
	t.Helper()
	var c Collector
	for _, doc := range docs {
		s, err := snapshot.Decode([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		c.Add(s)
	}
	w := c.Window("w")
	w.Restart = ""
	return w
}

// heaps are snapshots with these heaps.
func heaps(values ...float64) []string {
	var docs []string
	for _, v := range values {
		docs = append(docs, fmt.Sprintf(`{"heapUsedMB": %g, "activeSessions": 5}`, v))
	}
	return docs
}

// at is a document of a target.
func at(target, members string) string {
	return fmt.Sprintf(`{%s, "poll": {"at": 1763700010000, "target": %q, "latencyMs": 1}}`, members, target)
}

func TestVerdict(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b      []string
		threshold float64
		want      Verdict
		reason    string
	}{
		"a leak":                {[]string{`{"heapUsedMB": 10, "activeSessions": 5}`}, []string{`{"heapUsedMB": 20, "activeSessions": 5}`}, 1, VerdictLeak, "memory leak suspected: heap +10.0 MB, sessions +0"},
		"sessions fell":         {[]string{`{"heapUsedMB": 10, "activeSessions": 5}`}, []string{`{"heapUsedMB": 20, "activeSessions": 1}`}, 1, VerdictLeak, "2.5 MB kept for each of 4 sessions that closed"},
		"closed, by counters":   {[]string{`{"heapUsedMB": 10, "activeSessions": 5, "sessionsClosedTotal": 0}`}, []string{`{"heapUsedMB": 20, "activeSessions": 5, "sessionsClosedTotal": 5}`}, 1, VerdictLeak, "2.0 MB kept for each of 5 sessions"},
		"within the threshold":  {[]string{`{"heapUsedMB": 10, "activeSessions": 5}`}, []string{`{"heapUsedMB": 11, "activeSessions": 5}`}, 1, VerdictOK, "within the threshold of 1.0 MB"},
		"the literal rule":      {[]string{`{"heapUsedMB": 10, "activeSessions": 5}`}, []string{`{"heapUsedMB": 10.001, "activeSessions": 5}`}, 0, VerdictLeak, ""},
		"nothing moved":         {[]string{`{"heapUsedMB": 10, "activeSessions": 5}`}, []string{`{"heapUsedMB": 10, "activeSessions": 5}`}, 0, VerdictOK, ""},
		"sessions grew":         {[]string{`{"heapUsedMB": 10, "activeSessions": 5}`}, []string{`{"heapUsedMB": 20, "activeSessions": 6}`}, 1, VerdictGrowth, "growth"},
		"no sessions at all":    {[]string{`{"heapUsedMB": 10}`}, []string{`{"heapUsedMB": 20, "activeSessions": null}`}, 1, VerdictLeak, "heap +10.0 MB"},
		"absent is not 0":       {[]string{`{"heapUsedMB": 10}`}, []string{`{"heapUsedMB": 20, "activeSessions": 0}`}, 1, VerdictUndecided, "only one of the snapshots gives activeSessions"},
		"no memory":             {[]string{`{"activeSessions": 5}`}, []string{`{"heapUsedMB": 20, "activeSessions": 5}`}, 1, VerdictUndecided, "do not both give"},
		"RSS instead":           {[]string{`{"rssMB": 10, "activeSessions": 5}`}, []string{`{"rssMB": 20, "activeSessions": 5}`}, 1, VerdictLeak, "RSS +10.0 MB"},
		"restarted":             {[]string{`{"heapUsedMB": 10, "activeSessions": 5, "pid": 1}`}, []string{`{"heapUsedMB": 90, "activeSessions": 5, "pid": 2}`}, 1, VerdictUndecided, "the server restarted in between"},
		"the trace says so":     {[]string{`{"heapUsedMB": 10, "activeSessions": 5}`}, []string{`{"heapUsedMB": 90, "activeSessions": 5, "poll": {"at": 1, "restarted": true}}`}, 1, VerdictUndecided, "restarted"},
		"two addresses of one":  {[]string{at("http://a", `"pid": 1, "startTime": 1763700000000, "heapUsedMB": 10`)}, []string{at("http://b", `"pid": 1, "startTime": 1763700000000, "heapUsedMB": 90`)}, 1, VerdictLeak, "heap +80.0 MB"},
		"two containers":        {[]string{at("http://a", `"pid": 1, "startTime": 1763700000000, "heapUsedMB": 10`)}, []string{at("http://b", `"pid": 1, "startTime": 1763700009000, "heapUsedMB": 90`)}, 1, VerdictUndecided, "A and B are of two servers"},
		"or not two containers": {[]string{at("http://a", `"pid": 1, "startTime": 1763700000000, "heapUsedMB": 10`)}, []string{at("http://b", `"pid": 1, "heapUsedMB": 90`)}, 1, VerdictUndecided, "without a startTime they may be two servers"},
		"replicas":              {[]string{`{"heapUsedMB": 10, "pid": 1}`}, []string{`{"heapUsedMB": 10, "pid": 1}`, `{"heapUsedMB": 90, "pid": 2}`, `{"heapUsedMB": 10, "pid": 1}`}, 1, VerdictUndecided, "several processes answer in turn at the address"},
		"B has no time":         {[]string{`{"timestamp": 1763700000000, "heapUsedMB": 10}`}, []string{`{"heapUsedMB": 11}`}, 1, VerdictOK, ""},
		"windows":               {heaps(10, 30, 12, 33, 14), heaps(31, 11, 34, 13, 29), 1, VerdictOK, "moved no more than chance explains"},
		"windows that differ":   {heaps(10, 11, 12, 13, 14), heaps(30, 31, 32, 33, 34), 1, VerdictLeak, "heap +20.0 MB"},
		"short windows":         {heaps(10, 11), heaps(30, 31), 1, VerdictLeak, "heap +20.0 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Compare(window(t, tc.a...), window(t, tc.b...), Options{ThresholdMB: tc.threshold})
			if strings.HasPrefix(name, "or not") && r.Process != "unknown" {
				t.Errorf("the process is %q", r.Process)
			}
			if r.Verdict != tc.want || !strings.Contains(r.Reason, tc.reason) {
				t.Errorf("%s: %q; want %s: %q", r.Verdict, r.Reason, tc.want, tc.reason)
			}
		})
	}
}

// The figures that one side does not give have no change.
func TestFigures(t *testing.T) {
	a := window(t, `{"heapUsedMB": 10, "callsTotal": 100, "toolCallStack": [{"id": "1"}]}`)
	b := window(t, `{"heapUsedMB": 14, "callsTotal": 300, "rssMB": 50, "toolCallStack": []}`)
	r := Compare(a, b, Options{})
	want := []Row{
		{Name: "heapUsedMB", Unit: "MB", A: new(10.0), B: new(14.0), Change: new(4.0), PerCall: new(0.02)},
		{Name: "rssMB", Unit: "MB", B: new(50.0)},
		{Name: "callsInFlight", Unit: "count", A: new(1.0), B: new(0.0), Change: new(-1.0)},
		{Name: "callsTotal", Unit: "count", A: new(100.0), B: new(300.0), Change: new(200.0)},
	}
	if diff := cmp.Diff(want, r.Rows); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The ends of a trace of replicas are compared if they are of one process.
func TestEndsOfReplicas(t *testing.T) {
	for last, want := range map[int]string{1: "leak-suspected same", 2: "undecided other"} {
		var c Collector
		for i, pid := range []int{1, 2, 1, 2, 1, 2, last} {
			s, err := snapshot.Decode(fmt.Appendf(nil, `{"heapUsedMB": %d, "pid": %d, "callsTotal": %d}`, 10*i, pid, 100*pid))
			if err != nil {
				t.Fatal(err)
			}
			c.Add(s)
		}
		a, b := c.Ends("trace")
		if r := Compare(a, b, Options{}); fmt.Sprint(r.Verdict, " ", r.Process) != want {
			t.Errorf("%s %s: %s; want %s", r.Verdict, r.Process, r.Reason, want)
		}
	}
}

// Calls are those between the medians, as the change of memory is: a long window before a
// short one would divide the growth of half of it by the calls of the short one.
func TestPerCallOfWindows(t *testing.T) {
	var long, short []string
	for i := range 101 {
		long = append(long, fmt.Sprintf(`{"heapUsedMB": %d, "callsTotal": %d}`, 100+i, 10*i))
	}
	for i := range 5 {
		short = append(short, fmt.Sprintf(`{"heapUsedMB": %d, "callsTotal": %d}`, 201+i, 1010+10*i))
	}
	r := Compare(window(t, long...), window(t, short...), Options{})
	if per := r.figure("heapUsedMB").PerCall; per == nil || math.Abs(*per-0.1) > 1e-9 {
		t.Errorf("%v MB per call of %d, want 0.1", *per, r.Calls)
	}
}

func TestCalls(t *testing.T) {
	a := window(t, `{"toolCallStack": [{"id": "1", "name": "x", "durationMs": 5}, {"id": "2", "name": "x"}, {"id": "", "name": "none"}]}`)
	b := window(t, `{"toolCallStack": [{"id": "3", "name": "y"}, {"id": "1", "name": "x", "durationMs": 9}, {"id": "", "name": "none"}, {"id": "4", "name": "z", "durationMs": 1}]}`)
	names := func(calls []Call) (ids string) {
		for _, c := range calls {
			ids += fmt.Sprintf("%s:%s ", c.ID, c.Name)
		}
		return ids
	}
	r := Compare(a, b, Options{})
	got := []string{names(r.StuckCalls), names(r.NewCalls), names(r.GoneCalls)}
	if diff := cmp.Diff([]string{"1:x ", "4:z 3:y :none ", "2:x :none "}, got); diff != "" {
		t.Errorf("stuck, new, gone (-want +got)\n%s", diff)
	}
	b.Restart = "the pid changed"
	if r := Compare(a, b, Options{}); len(r.StuckCalls) > 0 || len(r.NewCalls) != 4 || len(r.GoneCalls) != 3 {
		t.Errorf("after a restart: %+v", r)
	}
}

// A call with the id of another one is not stuck: it is of another session or tool, or
// younger than the time between the snapshots.
func TestIDsThatComeAgain(t *testing.T) {
	doc := func(second int, session, name string, age int) string {
		return fmt.Sprintf(`{"timestamp": %d, "toolCallStack": [{"id": "1", "name": %q, "sessionId": %q, "durationMs": %d}]}`, 1763700000000+1000*second, name, session, age)
	}
	for name, c := range map[string]struct {
		b     string
		stuck int
	}{
		"the same call":   {doc(10, "s1", "x", 10_500), 1},
		"another session": {doc(10, "s2", "x", 10_500), 0},
		"another tool":    {doc(10, "s1", "y", 10_500), 0},
		"a later call":    {doc(10, "s1", "x", 200), 0},
	} {
		r := Compare(window(t, doc(0, "s1", "x", 500)), window(t, c.b), Options{})
		if len(r.StuckCalls) != c.stuck || len(r.NewCalls) != 1-c.stuck || len(r.GoneCalls) != 1-c.stuck {
			t.Errorf("%s: stuck %v, new %v, gone %v", name, r.StuckCalls, r.NewCalls, r.GoneCalls)
		}
	}
}

func TestQueuesAndHandlers(t *testing.T) {
	a := window(t, `{"handlerQueue": {"a": 1, "b": 0, "c": 9}, "handlers": {"x": {"calls": 5, "retainedMB": 1}, "still": {"calls": 1}}}`)
	b := window(t, `{"handlerQueue": {"a": 4, "b": 0}, "handlers": {"x": {"calls": 7, "retainedMB": 3}, "still": {"calls": 1}, "new": {"calls": 2}}}`)
	r := Compare(a, b, Options{})
	if diff := cmp.Diff([]Row{
		{Name: "a", Unit: "count", A: new(1.0), B: new(4.0), Change: new(3.0)},
		{Name: "c", Unit: "count", A: new(9.0), B: new(0.0), Change: new(-9.0)},
	}, r.Queues); diff != "" {
		t.Errorf("queues (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]HandlerDiff{{Name: "x", Calls: new(2.0), RetainedMB: new(2.0)}, {Name: "new", Calls: new(2.0)}}, r.Handlers); diff != "" {
		t.Errorf("handlers (-want +got)\n%s", diff)
	}
	unknown := Compare(window(t, `{"heapUsedMB": 1}`), b, Options{})
	if q := unknown.Queues[0]; q.A != nil || q.Change != nil {
		t.Errorf("a side without queues has %+v", q)
	}
}

// The least and the greatest figures there can be give no infinity, in any format.
func TestExtremesAreFinite(t *testing.T) {
	tiny := `{"heapUsedMB": 5e-324, "rssMB": 0, "activeSessions": 0, "callsTotal": 1, "sessionsClosedTotal": 0, "oldestSessionAgeMs": 0}`
	huge := `{"heapUsedMB": 9e15, "rssMB": 9e15, "activeSessions": 0, "callsTotal": 2, "sessionsClosedTotal": 1, "oldestSessionAgeMs": 9e15, "toolCallStack": [{"id": "a", "durationMs": 9e15}]}`
	r := Compare(window(t, tiny, tiny), window(t, huge, huge), Options{})
	if r.Verdict != VerdictLeak {
		t.Errorf("%s: %s", r.Verdict, r.Reason)
	}
	for format, text := range render(t, r) {
		for _, bad := range []string{"Inf", "NaN", "-256204"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %s:\n%s", format, bad, text)
			}
		}
		for line := range strings.Lines(text) {
			if format == "text" && report.Width(line) > 200 {
				t.Errorf("a line is %d columns wide: %.300s", report.Width(line), line)
			}
		}
	}
}

// Two windows of one distribution differ about as often as the level says, and
// ones that lie apart always.
func TestMannWhitney(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b []float64
		want bool
	}{
		"too few to tell":   {[]float64{1, 2, 3}, []float64{1, 2, 3}, true},
		"all the same":      {[]float64{5, 5, 5, 5}, []float64{5, 5, 5, 5}, false},
		"apart, 4 and 4":    {[]float64{1, 2, 3, 4}, []float64{5, 6, 7, 8}, true}, // z = 2.17
		"mixed":             {[]float64{1, 3, 5, 7}, []float64{2, 4, 6, 8}, false},
		"ties":              {[]float64{1, 1, 2, 2, 2}, []float64{2, 2, 2, 1, 1}, false},
		"apart, with ties":  {[]float64{1, 1, 1, 2, 2}, []float64{3, 3, 3, 4, 4}, true},
		"one outlier":       {[]float64{1, 2, 3, 4, 5}, []float64{1, 2, 3, 4, 500}, false},
		"whichever is less": {[]float64{5, 6, 7, 8}, []float64{1, 2, 3, 4}, true},
	} {
		if got := differ(tc.a, tc.b); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestMedian(t *testing.T) {
	if median(nil) != nil || *median([]float64{3, 1, 2}) != 2 || *median([]float64{4, 1, 2, 3}) != 2.5 || math.IsInf(*median([]float64{1 << 53, 1 << 53}), 0) {
		t.Error("the median is wrong")
	}
}

func TestCollector(t *testing.T) {
	c := &Collector{}
	for i := range 100_000 {
		s := &snapshot.Snapshot{HeapUsedMB: new(float64(i))}
		if i%1000 == 500 {
			s = &snapshot.Snapshot{Poll: &snapshot.Poll{Error: "refused"}}
		}
		s.Raw = []byte("{}")
		c.Add(s)
	}
	w := c.Window("w")
	if c.first.Raw != nil || c.last.Raw != nil {
		t.Error("it keeps the documents as they were sent")
	}
	first, last := c.Ends("w")
	if c.Failed != 100 || c.Len() != 99_900 || len(w.samples) > maxWindow || len(w.samples) < maxWindow/2 {
		t.Errorf("%d failed, %d taken in, %d kept", c.Failed, c.Len(), len(w.samples))
	}
	if *w.last.HeapUsedMB != 99_999 || *first.last.HeapUsedMB != 0 || *last.last.HeapUsedMB != 99_999 {
		t.Error("the ends are not the ends")
	}
	if m := *median(w.of(0)); m < 45_000 || m > 55_000 {
		t.Errorf("the median is %g", m)
	}
}

func render(t *testing.T, r *Result) map[string]string {
	t.Helper()
	var text, markdown, junit, github, asJSON bytes.Buffer
	for _, err := range []error{
		r.Text(&text, false), r.Report().Markdown(&markdown), r.Report().JUnit(&junit), r.Report().GitHub(&github), json.NewEncoder(report.NewJSONWriter(&asJSON)).Encode(r),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string]string{"text": text.String(), "markdown": markdown.String(), "junit": junit.String(), "github": github.String(), "json": asJSON.String()}
}

// No format leaves out the verdict, a doubt, or that the command failed.
func TestEveryFormatTellsAll(t *testing.T) {
	for name, after := range map[string]string{"a leak": heaps(90)[0], "no leak": heaps(10)[0], "cannot be judged": `{"pid": 4}`} {
		r := Compare(window(t, heaps(10)...), window(t, after), Options{ThresholdMB: 1})
		r.Command = "npm: exit status 7"
		r.warn("something is doubtful")
		for format, text := range render(t, r) {
			for what, want := range map[string]string{"reason": r.Reason, "command": r.Command, "warning": "something is doubtful"} {
				if !strings.Contains(strings.ReplaceAll(text, `\`, ""), want) {
					t.Errorf("%s, %s: no %s %q in\n%s", name, format, what, want, text)
				}
			}
		}
	}
}

// hostile are names as no server should give them.
var hostile = []string{
	"\x1b[2J", "\x1b]52;c;aGk=\a", "\u009b2J", "\x7f", "\u202egnp", "\x00", "\ufffe", "\uffff", "\r\nmemory fine", "\n::error::x", "::error::x", "##[error]x",
	"</failure><system-out>", "]]>", "\"><x y='", "| a | b |", "`x` **b** <img src=x> [l](http://x) @team", "%0A::error::x", strings.Repeat("漢", 100_000),
}

func TestHostileNames(t *testing.T) {
	harmless := render(t, hostileResult("harmless"))
	for _, name := range hostile {
		got := render(t, hostileResult(name))
		for format, text := range got {
			if i := strings.IndexFunc(text, func(r rune) bool {
				return r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r&0xfffe == 0xfffe
			}); i >= 0 {
				t.Errorf("%s of %.20q lets %q out", format, name, text[i:min(len(text), i+4)])
			}
			if a, b := strings.Count(harmless[format], "\n"), strings.Count(text, "\n"); a != b {
				t.Errorf("%s of %.20q has %d lines, the harmless one %d", format, name, b, a)
			}
			if format != "json" && len(text) > 20_000 {
				t.Errorf("%s of %.20q has %d bytes", format, name, len(text))
			}
		}
		if a, b := elements(t, harmless["junit"]), elements(t, got["junit"]); a != b {
			t.Errorf("junit of %.20q has the elements %s, the harmless one %s", name, b, a)
		}
		for line := range strings.Lines(got["text"]) {
			if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
				t.Errorf("text of %.20q: GitHub would obey %q", name, line)
			}
		}
		for line := range strings.Lines(got["github"]) {
			if !strings.HasPrefix(line, "::error title=mcpdiag diff") && !strings.HasPrefix(line, "::warning title=mcpdiag diff") {
				t.Errorf("github of %.20q has the line %q", name, line)
			}
		}
		for _, bad := range []string{"<img", "[l](http", " **b**", "@team"} {
			if strings.Contains(got["markdown"], bad) {
				t.Errorf("markdown of %.20q has %q", name, bad)
			}
		}
	}
}

// hostileResult has name wherever a server can put one.
func hostileResult(name string) *Result {
	side := func(heap float64) *snapshot.Snapshot {
		calls := []snapshot.Call{{ID: name, Name: name, SessionID: name}, {ID: fmt.Sprint(heap), Name: name}}
		return &snapshot.Snapshot{
			HeapUsedMB: &heap, ActiveSessions: new(int64(1)), ToolCallStack: calls, HandlerQueue: map[string]int64{name: int64(heap)},
			Handlers: map[string]snapshot.Handler{name: {Calls: new(int64(heap))}}, Warnings: []string{name[:min(len(name), snapshot.MaxName)] + " is a string"},
		}
	}
	a, b := side(10), side(20)
	return Compare(One(name, a), One(name, b), Options{})
}

// elements are the names of the elements of an XML document that parses.
func elements(t *testing.T, text string) string {
	t.Helper()
	var names []string
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		tok, err := d.Token()
		if err == io.EOF { //nolint:errorlint // Token returns it bare
			return strings.Join(names, " ")
		}
		if err != nil {
			t.Fatalf("%v in %.500s", err, text)
		}
		if start, ok := tok.(xml.StartElement); ok {
			names = append(names, start.Name.Local)
		}
	}
}

// oneWrite counts writes: what blanks secrets sees one write at a time.
type oneWrite int

func (n *oneWrite) Write(p []byte) (int, error) { *n++; return len(p), nil }

func TestRenderersWriteOnce(t *testing.T) {
	r := hostileResult(strings.Repeat("x", 100))
	for range 500 {
		r.warn(strings.Repeat("w", len(r.Warnings)))
	}
	for name, write := range map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return r.Text(w, true) }, "markdown": r.Report().Markdown, "junit": r.Report().JUnit, "github": r.Report().GitHub,
	} {
		var n oneWrite
		if err := write(&n); err != nil || n != 1 {
			t.Errorf("%s: %d writes, %v", name, n, err)
		}
	}
}

// Calls that have ended are counted by tool: each of them would be a row of noise.
func TestGoneCallsAreCounted(t *testing.T) {
	r := &Result{}
	for i := range 20 {
		r.GoneCalls = append(r.GoneCalls, Call{ID: strconv.Itoa(i), Name: []string{"search", "search", "plan"}[i%3]})
	}
	if diff := cmp.Diff([][]string{{"search", "14"}, {"plan", "6"}}, goneTable(r.GoneCalls).Rows); diff != "" {
		t.Error(diff)
	}
}
