package flame

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/flame/rules"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

func TestReshape(t *testing.T) {
	const in = "a;b;c 1\na;d 2\ne;b 4\nf;f;f;g 8\nx;y;x;y;z 16\n"
	re := regexp.MustCompile
	for _, tt := range []struct {
		name  string
		shape Shape
		want  string
	}{
		{"focus", Shape{Focus: re("^b$")}, "a;b;c 1\ne;b 4\n"},
		{"ignore", Shape{Ignore: re("[bf]")}, "a;d 2\nx;y;x;y;z 16\n"},
		{"hide", Shape{Hide: re("^[abf]$")}, "c 1\nd 2\ne 4\ng 8\nx;y;x;y;z 16\n"},
		{"fold recursion", Shape{FoldRecursion: true}, "a;b;c 1\na;d 2\ne;b 4\nf;g 8\nx;y;z 16\n"},
		{"recursion of hidden frames", Shape{FoldRecursion: true, Hide: re("^y$"), Ignore: re("a")}, "e;b 4\nf;g 8\nx;z 16\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := writeStacks(t, readStacks(t, in).Reshape(tt.shape).Tree())
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReverseLeavesDimensionsInPlace(t *testing.T) {
	_, p := folded(t, fold.Options{By: []fold.Dimension{fold.ByTarget}}, poll(0, ""), poll(1000, call("1", "a")+","+child("2", "b", "1")), poll(2000, ""))
	if got := reversed(t, p); got != "t;b;a 1000\n" {
		t.Error(got)
	}
	if got := reversed(t, readStacks(t, "a;b;c 1\nx;c 2\ne;b 4\n")); got != "b;e 4\nc;b;a 1\nc;x 2\n" {
		t.Error(got)
	}
}

func reversed(t *testing.T, p *Profile) string {
	t.Helper()
	p, err := p.Reversed()
	if err != nil {
		t.Fatal(err)
	}
	return writeStacks(t, p.Tree())
}

// TestDeepStacks reshapes a stack of 100,000 frames, each with weight. Merged from the
// leaves it would fill the memory.
func TestDeepStacks(t *testing.T) {
	t.Parallel()
	p := &Profile{Profile: stacks.NewProfile("test", stacks.Samples)}
	at := stacks.Root
	for i := range 100_000 {
		at = p.Under(at, fmt.Sprint("f", i))
		p.Nodes[at].Self = 1
	}
	shaped := p.Reshape(Shape{Focus: regexp.MustCompile("f7$"), Hide: regexp.MustCompile("^f1"), FoldRecursion: true})
	if tree := shaped.Tree(); tree.Total() != 99_993 || tree.Size() != 88_889 {
		t.Errorf("%g of 99,993 in %d frames", tree.Total(), tree.Size())
	}
	if _, err := p.reversed(100_000); err == nil || !strings.Contains(err.Error(), "more than 100,000 frames; --focus or --fold-recursion") {
		t.Errorf("reversed: %v", err)
	}
}

func TestCompare(t *testing.T) {
	p := readStacks(t, "a;b 30\na;c 10\nd 60\n")
	if err := p.Compare(readStacks(t, "a;b 10\ne;f 40\n"), false); err != nil {
		t.Fatal(err)
	}
	tree := p.Tree()
	if got, want := writeStacks(t, tree), "a;b 10 30\na;c 0 10\nd 0 60\ne;f 40 0\n"; got != want {
		t.Errorf("got %s", got)
	}
	if diff := cmp.Diff([]picture.Gone{{Path: []string{"e"}, BaseTotal: 40}}, picture.Vanished(tree, 10)); diff != "" {
		t.Error(diff)
	}
	if err := p.Compare(readStacks(t, "a;b 10\ne;f 40\n"), true); err != nil {
		t.Fatal(err)
	}
	if got := p.Tree().BaseTotal(); got != 100 {
		t.Errorf("normalized, the base weighs %g", got)
	}
	svg := draw(t, "a;b 10 30\ne;f 40 0\n", nil)
	if !strings.Contains(svg, "Gone since the base: 40 samples") || !strings.Contains(svg, `data-palette="diff"`) {
		t.Error("the picture does not show what is gone")
	}
}

// found lists the findings as rule and last frame.
func found(t *testing.T, p *Profile) (list []string) {
	t.Helper()
	findings, err := p.Findings(p.Tree())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Says == "" || f.Means == "" || f.Do == "" || len(f.Frames) == 0 {
			t.Errorf("something is missing: %+v", f)
		}
		list = append(list, f.Rule+" "+f.Frames[len(f.Frames)-1])
	}
	return list
}

func TestFindingsInStacks(t *testing.T) {
	spread := "" // nothing stands out in this much of the weight
	for i := range 90 {
		spread += fmt.Sprintf("rest%d 1\n", i)
	}
	tall := "1;2;3;4;5;6;7;8"
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"too few samples", "a 29\n", nil},
		{"nothing", spread, nil},
		{"plateau", spread + "a;b 10\n", []string{"plateau b"}},
		{"no plateau", spread + "a;b 9\n", nil},
		{"tall stack", spread + tall + ";x 5\n" + tall + ";y 6\n", []string{"tall-stack 8"}},
		{"not so tall", spread + tall[2:] + ";x 5\n" + tall[2:] + ";y 6\n", nil},
		{"recursion", spread + "a;a;b;a;c 5\n", []string{"recursion a"}},
		{"mutual recursion", spread + "a;b;a;b;c 5\n", []string{"recursion b"}},
		{"twice is none", spread + "a;x;a;y 5\n", nil},
		{"json", spread + "h;json.loads;scan_once 6\n", []string{"json json.loads"}},
		{"regex", spread + "h;compile (sre_compile.py:12);x 6\n", []string{"regex compile (sre_compile.py:12)"}},
		{"a family of names", spread + "h;pcre2_match_8 6\n", []string{"regex pcre2_match_8"}},
		{"database", spread + "h;database/sql.(*DB).Query 5\n", []string{"database database/sql.(*DB).Query"}},
		{"lock", spread + "h;time.Sleep 5\n", []string{"lock time.Sleep"}},
		{"blocking", spread + "h;request (requests/api.py:5);x 6\nh;request (requests/api.py:5) 1\n", []string{"blocking-io request (requests/api.py:5)"}},
		{"only passed through", spread + "net/http.(*conn).serve;x 8\n", nil},
		{"stopped in passing", spread + "net/http.(*conn).serve 8\n", []string{"blocking-io net/http.(*conn).serve"}},
		{"names that only look alike", spread + "json_tool;sleepy;re.compiler 8\n", nil},
		{"below a twentieth", spread + "h;json.loads 2\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, found(t, readStacks(t, tt.in))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A finding takes at least a twentieth of the time.
func TestFindingsHaveAFloor(t *testing.T) {
	t.Parallel()
	for share, want := range map[int]bool{4: false, 5: true} {
		p := readStacks(t, strings.Repeat("x 1\n", 100-share)+fmt.Sprintf("json.loads %d\n", share))
		findings, err := p.Findings(p.Tree())
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(findings, func(f rules.Finding) bool { return f.Rule == "json" }); got != want {
			t.Errorf("%d %%: found %v, want %v", share, got, want)
		}
	}
}

// minute is a trace of a call a second, in which calls of a tool take one poll.
func minute(extra func(i int) (calls, queue string)) []string {
	var lines []string
	for i := range 60 {
		calls, queue := extra(i)
		usual := fmt.Sprintf(`{"id":"u%d","name":"usual","durationMs":300}`, i)
		if calls != "" {
			usual += "," + calls
		}
		lines = append(lines, fmt.Sprintf(`{"toolCallStack":[%s],"handlerQueue":{%s},"poll":{"at":%d,"target":"t","intervalMs":1000}}`,
			usual, queue, epoch+1000*i))
	}
	return lines
}

func TestFindingsInTraces(t *testing.T) {
	for _, tt := range []struct {
		name  string
		extra func(i int) (calls, queue string)
		want  string
		not   string
	}{
		{"stuck by its age", func(i int) (string, string) {
			return fmt.Sprintf(`{"id":"s","name":"slow","durationMs":%d}`, 1000*i), ""
		}, "stuck slow", "queue"},
		{"stuck beside others of its tool", func(i int) (string, string) {
			if i < 10 {
				return fmt.Sprintf(`{"id":"s","name":"usual","durationMs":%d}`, 1000*i), ""
			}
			return "", ""
		}, "stuck usual", ""},
		{"never ended", func(i int) (string, string) {
			if i < 40 {
				return "", ""
			}
			return fmt.Sprintf(`{"id":"s","name":"slow","durationMs":%d}`, 1000*(i-40)), ""
		}, "never-ended slow\nplateau usual", "plateau slow"},
		{"ended with the last poll", func(i int) (string, string) {
			if i < 40 || i == 59 {
				return "", ""
			}
			return fmt.Sprintf(`{"id":"s","name":"slow","durationMs":%d}`, 1000*(i-40)), ""
		}, "plateau slow", "never-ended"},
		{"takes as long as others of its tool", func(i int) (string, string) {
			return fmt.Sprintf(`{"id":"s%d","name":"slow","durationMs":%d}`, i/15, 1000*(i%15)), ""
		}, "plateau slow", "never-ended"},
		{"no call is stuck", func(int) (string, string) { return "", "" }, "plateau usual", "stuck"},
		{"n plus one", func(i int) (string, string) {
			return fmt.Sprintf(`{"id":"p","name":"plan"},{"id":"c%d","name":"get","parentId":"p"}`, i%7), ""
		}, "n-plus-one get", ""},
		{"four are no pattern", func(i int) (string, string) {
			return fmt.Sprintf(`{"id":"p","name":"plan"},{"id":"c%d","name":"get","parentId":"p"}`, i/15), ""
		}, "plateau usual", "n-plus-one"},
		{"head of line", func(int) (string, string) { return "", `"usual":9` }, "queue usual", ""},
		{"a short queue", func(int) (string, string) { return "", `"usual":3` }, "plateau usual", "queue"},
		{"many work at it", func(i int) (string, string) { return fmt.Sprintf(`{"id":"v%d","name":"usual"}`, i), `"usual":9` }, "plateau usual", "queue"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, p := folded(t, fold.Options{}, minute(tt.extra)...)
			got := strings.Join(found(t, p), "\n")
			if !strings.Contains(got, tt.want) || tt.not != "" && strings.Contains(got, tt.not) {
				t.Errorf("got\n%s\nwant %s, not %q", got, tt.want, tt.not)
			}
		})
	}
}

// Calls that never ended are one finding, which names their tools.
func TestCallsThatNeverEnded(t *testing.T) {
	t.Parallel()
	lines := minute(func(i int) (string, string) {
		if i < 40 {
			return "", ""
		}
		return fmt.Sprintf(`{"id":"a","name":"echo","durationMs":%d},{"id":"b","name":"echo"},{"id":"c","name":"slow"}`, 500+1000*(i-40)), ""
	})
	_, p := folded(t, fold.Options{}, lines...)
	findings, err := p.Findings(p.Tree())
	if err != nil {
		t.Fatal(err)
	}
	if f := findings[0]; f.Says != "3 calls never ended: 2 of echo since 19.5s, slow since 19s" || f.Count != 3 {
		t.Errorf("%+v", f)
	}
	to, err := fold.ParseBound("55s")
	if err != nil {
		t.Fatal(err)
	}
	_, p = folded(t, fold.Options{To: to}, lines...)
	if got := found(t, p); slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, "never-ended") }) {
		t.Errorf("after the window they may have ended: %q", got)
	}
}

// TestManyStuckCalls: five are listed, the last one says how many more there are.
func TestManyStuckCalls(t *testing.T) {
	t.Parallel()
	_, p := folded(t, fold.Options{}, minute(func(i int) (string, string) {
		var calls []string
		for k := range 9 {
			calls = append(calls, fmt.Sprintf(`{"id":"s%d","name":"slow%d","durationMs":%d}`, k, k, 40_000+1000*i))
		}
		return strings.Join(calls, ","), ""
	})...)
	findings, err := p.Findings(p.Tree())
	if err != nil {
		t.Fatal(err)
	}
	var stuck []string
	for _, f := range findings {
		if f.Rule == "stuck" {
			stuck = append(stuck, f.Says)
		}
	}
	if len(stuck) != 5 || !strings.HasSuffix(stuck[4], "; 4 more like it") || strings.Contains(stuck[3], "more") {
		t.Errorf("%d: %q", len(stuck), stuck)
	}
}

// TestStuckOverAGap: a call that only two polls saw, with a gap between them, is found
// although nothing has a weight.
func TestStuckOverAGap(t *testing.T) {
	t.Parallel()
	poll := func(at, age int) string {
		return fmt.Sprintf(`{"toolCallStack":[{"id":"s","name":"slow","durationMs":%d}],"poll":{"at":%d,"latencyMs":1,"intervalMs":1000}}`, age, 1763700000000+at)
	}
	_, p := folded(t, fold.Options{}, poll(0, 40_000), poll(60_000, 100_000))
	if got := found(t, p); p.Tree().Total() != 0 || len(got) != 1 || got[0] != "stuck slow" {
		t.Errorf("weight %v, found %q", p.Tree().Total(), got)
	}
}

// Facts about single calls need no number of polls, unlike shares of the time.
func TestFindingsInShortTraces(t *testing.T) {
	slow := func(ms int) string { return fmt.Sprintf(`{"id":"s","name":"slow","durationMs":%d}`, ms) }
	var children []string
	for i := range 5 {
		children = append(children, child(fmt.Sprint(i), "get", "p"))
	}
	for name, tt := range map[string]struct {
		lines []string
		want  []string
	}{
		"in flight at the end": {[]string{poll(0, slow(33_000)), poll(1000, slow(34_000))}, []string{"stuck slow"}},
		"returned late":        {[]string{poll(0, slow(33_000)), poll(1000, "")}, []string{"stuck slow"}},
		"one snapshot":         {[]string{poll(0, slow(33_000))}, []string{"stuck slow"}},
		"in time":              {[]string{poll(0, slow(28_000)), poll(1000, slow(29_000))}, nil},
		"repeated":             {[]string{poll(0, call("p", "plan")+","+strings.Join(children, ",")), poll(1000, "")}, []string{"n-plus-one get"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, p := folded(t, fold.Options{}, tt.lines...)
			if diff := cmp.Diff(tt.want, found(t, p)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// v8Profile is a CPU profile of 100 ms, of which the process idles for some, collects
// garbage for 20, and spends the rest in work.
func v8Profile(idle int) string {
	var samples []string
	deltas := []string{"0"}
	for i := range 100 {
		node := "4"
		switch {
		case i < idle:
			node = "2"
		case i < idle+20:
			node = "3"
		}
		samples, deltas = append(samples, node), append(deltas, "1000")
	}
	return fmt.Sprintf(`{"nodes":[{"id":1,"callFrame":{"functionName":"(root)","url":"","lineNumber":-1},"children":[2,3,4]},
{"id":2,"callFrame":{"functionName":"(idle)","url":"","lineNumber":-1}},
{"id":3,"callFrame":{"functionName":"(garbage collector)","url":"","lineNumber":-1}},
{"id":4,"callFrame":{"functionName":"work","url":"file:///home/u/a/long/way/to/server.js","lineNumber":6}}],
"startTime":0,"endTime":100000,"samples":[%s,4],"timeDeltas":[%s]}`, strings.Join(samples, ","), strings.Join(deltas, ","))
}

// The states of V8 are no functions that could be improved.
func TestIdleIsNoFinding(t *testing.T) {
	for idle, want := range map[int]struct {
		found    []string
		headline string
	}{
		78: {nil, "nothing stands out; the process was idle for 78.0 % of the time"},
		40: {[]string{"plateau work"}, "1 finding; the process was idle for 40.0 % of the time"},
		0:  {[]string{"plateau work"}, "1 finding"},
	} {
		p := collect(t, v8Profile(idle))
		if diff := cmp.Diff(want.found, found(t, p)); diff != "" {
			t.Error(diff)
		}
		r := p.Result(p.Tree())
		r.Findings, _ = p.Findings(p.Tree())
		if got := r.Report().Headline; !strings.HasSuffix(got, ": "+want.headline) {
			t.Errorf("the headline is %q", got)
		}
	}
}

func TestHotFunctionsAreFunctions(t *testing.T) {
	hot, err := Hot("CPU", []byte(v8Profile(60)))
	if err != nil || len(hot.Functions) != 1 || hot.Functions[0].Name != "work" {
		t.Errorf("%+v, %v", hot, err)
	}
	if _, err := Hot("CPU", []byte(v8Profile(100))); err == nil || !strings.Contains(err.Error(), "idle") {
		t.Errorf("of an idle server: %v", err)
	}
}

// Text shows where a function is: all of it if there is room, else the end.
func TestTextNamesFileAndLine(t *testing.T) {
	p := collect(t, v8Profile(0))
	r := p.Result(p.Tree())
	r.AddFrames(p.Tree(), 0)
	for columns, want := range map[int]string{80: "  work …ong/way/to/server.js:7\n", 120: "  work /home/u/a/long/way/to/server.js:7\n"} {
		var out bytes.Buffer
		r.Columns = columns
		if err := r.Text(&out, false); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%v, no line ends in %q:\n%s", err, want, out.String())
		}
	}
}

func TestStateMarksCallsThatAreStuck(t *testing.T) {
	_, p := folded(t, fold.Options{}, minute(func(i int) (string, string) {
		return fmt.Sprintf(`{"id":"s","name":"slow","durationMs":%d}`, 1000*i), ""
	})...)
	pic := p.Picture(nil)
	pic.Palette = picture.State
	var out bytes.Buffer
	if err := picture.SVG(&out, p.Tree(), pic, 0); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), `class="f stuck"`); n != 2 { // the call, and all of which it is part
		t.Errorf("%d frames are marked", n)
	}
}

func TestWriteChrome(t *testing.T) {
	lines := []string{
		poll(0, ""), poll(1000, call("1", "a")+","+call("2", "b")), poll(2000, call("1", "a")+","+child("3", "c", "1")), poll(3000, ""),
	}
	_, p := folded(t, fold.Options{Spans: true}, lines...)
	var out bytes.Buffer
	if err := p.WriteChrome(&out); err != nil {
		t.Fatal(err)
	}
	var file struct{ TraceEvents []traceEvent }
	if err := json.Unmarshal(out.Bytes(), &file); err != nil {
		t.Fatal(err)
	}
	open := map[string]int{}
	for _, e := range file.TraceEvents {
		open[e.Phase]++
	}
	if diff := cmp.Diff(map[string]int{"M": 1, "b": 3, "e": 3}, open); diff != "" {
		t.Error(diff)
	}
	if err := readStacks(t, "a 1\n").WriteChrome(&out); err == nil || !strings.Contains(err.Error(), "only a trace") {
		t.Errorf("stacks have no time, but: %v", err)
	}
}
