package flame

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/flame/rules"
	"github.com/mcpdiag/mcpdiag/internal/stacks/write"
)

// folded reads a trace and writes its stacks.
func folded(t *testing.T, o fold.Options, lines ...string) (string, *Profile) {
	t.Helper()
	c := Collector{Options: o}
	if err := c.Read(strings.NewReader(strings.Join(lines, "\n")), "test"); err != nil {
		t.Fatal(err)
	}
	p, err := c.Profile()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := write.Folded(&out, p.Tree()); err != nil {
		t.Fatal(err)
	}
	return out.String(), p
}

const epoch = 1763700000000

// poll is a line of a trace: a poll every second, at so many milliseconds.
func poll(at int, calls string) string {
	return fmt.Sprintf(`{"toolCallStack":[%s],"poll":{"at":%d,"target":"t","intervalMs":1000}}`, calls, epoch+at)
}

// bare is a line as curl appends it.
func bare(at int, calls string) string {
	return fmt.Sprintf(`{"timestamp":%d,"toolCallStack":[%s]}`, epoch+at, calls)
}

func call(id, name string) string { return fmt.Sprintf(`{"id":%q,"name":%q}`, id, name) }

func child(id, name, parent string) string {
	return fmt.Sprintf(`{"id":%q,"name":%q,"parentId":%q}`, id, name, parent)
}

func TestFoldWeights(t *testing.T) {
	a := call("1", "a")
	for _, tt := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"half before and half after", []string{poll(0, ""), poll(1000, a), poll(3000, "")}, "a 1500\n"},
		{"at the edges only one half", []string{poll(0, a), poll(1000, a)}, "a 1000\n"},
		{"only leaves carry weight", []string{poll(0, ""), poll(1000, a+","+child("2", "b", "1")), poll(2000, a), poll(3000, "")}, "a 1000\na;b 1000\n"},
		{"the child may stand first", []string{poll(0, ""), poll(1000, child("2", "b", "1")+","+a), poll(2000, "")}, "a;b 1000\n"},
		{"a parent that is not in flight", []string{poll(0, ""), poll(1000, child("2", "b", "9")), poll(2000, "")}, "b 1000\n"},
		{"calls that are each other's parents", []string{poll(0, ""), poll(1000, child("1", "a", "2")+","+child("2", "b", "1")), poll(2000, "")}, "b;a 1000\n"},
		{"its own parent", []string{poll(0, ""), poll(1000, child("1", "a", "1")), poll(2000, "")}, "a 1000\n"},
		{"calls at once add up", []string{poll(0, ""), poll(1000, a+","+call("2", "b")), poll(2000, "")}, "a 1000\nb 1000\n"},
		{"five intervals are watched", []string{poll(0, a), poll(5000, a)}, "a 5000\n"},
		{"more is a hole", []string{poll(0, a), poll(1000, a), poll(6001, a), poll(7001, a)}, "a 2000\n"},
		{"a failed poll is bridged", []string{poll(0, a), poll(1000, a), `{"poll":{"at":1763700002000,"target":"t","error":"x"}}`, poll(3000, a)}, "a 3000\n"},
		{"without an interval the median counts", []string{bare(0, a), bare(1000, a), bare(2000, a), bare(3000, a), bare(8001, a)}, "a 3000\n"},
		{"and five of it are watched", []string{bare(0, a), bare(1000, a), bare(2000, a), bare(3000, a), bare(8000, a)}, "a 8000\n"},
		{"time that goes back carries no weight", []string{poll(0, a), poll(1000, a), poll(500, a), poll(1500, a)}, "a 2000\n"},
		{"targets each have their own time", []string{
			poll(0, a), `{"toolCallStack":[{"id":"1","name":"b"}],"poll":{"at":1763700000500,"target":"u","intervalMs":1000}}`,
			poll(1000, a), `{"toolCallStack":[{"id":"1","name":"b"}],"poll":{"at":1763700001500,"target":"u","intervalMs":1000}}`,
		}, "a 1000\nb 1000\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := folded(t, fold.Options{}, tt.lines...)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFoldPollsOfTheServersClockOnlyWithoutAPoller(t *testing.T) {
	line := func(at, server int) string {
		return fmt.Sprintf(`{"timestamp":%d,"toolCallStack":[{"id":"1","name":"a"}],"poll":{"at":%d,"intervalMs":1000}}`, epoch+server, epoch+at)
	}
	got, _ := folded(t, fold.Options{}, line(0, 0), line(1000, 90_000))
	if got != "a 1000\n" {
		t.Error(got)
	}
}

func TestFoldOneSnapshotIsAges(t *testing.T) {
	got, p := folded(t, fold.Options{}, `{"timestamp":1763700000000,"toolCallStack":[`+
		`{"id":"1","name":"a","durationMs":900},{"id":"2","name":"b","durationMs":500,"parentId":"1"},{"id":"3","name":"c"}]}`)
	if got != "a;b 500\n" {
		t.Error(got)
	}
	if !strings.Contains(p.Title(), "one snapshot") || !strings.HasPrefix(p.Title(), "Ages") {
		t.Errorf("the title does not say what it is: %s", p.Title())
	}
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "1 calls have no durationMs") {
		t.Errorf("warnings: %q", p.Warnings)
	}
}

func TestOptionsChooseWhatWidthsMean(t *testing.T) {
	both := `{"id":"1","name":"a","durationMs":10,"sessionId":"s1","handler":"h"},{"id":"2","name":"b","durationMs":30}`
	lines := []string{poll(0, ""), poll(1000, both), poll(2000, both), poll(3000, "")}
	for _, tt := range []struct {
		name string
		o    fold.Options
		want string
	}{
		{"samples", fold.Options{Weight: fold.Sample}, "a 2\nb 2\n"},
		{"share", fold.Options{Parallel: fold.Share}, "a 1000\nb 1000\n"},
		{"by", fold.Options{By: []fold.Dimension{fold.ByTarget, fold.BySession}}, "t;(no session);b 2000\nt;s1;a 2000\n"},
		{"by handler", fold.Options{By: []fold.Dimension{fold.ByHandler}}, "(no handler);b 2000\nh;a 2000\n"},
		{"from", fold.Options{From: bound(t, "1.5")}, "a 500\nb 500\n"},
		{"to", fold.Options{To: bound(t, "2025-11-21T04:40:01Z")}, "a 500\nb 500\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := folded(t, tt.o, lines...); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	got, p := folded(t, fold.Options{Weight: fold.Age}, lines[:3]...)
	if got != "a 10\nb 30\n" || len(p.Warnings) == 0 {
		t.Errorf("ages of the last poll: %q, warnings %q", got, p.Warnings)
	}
}

func bound(t *testing.T, s string) fold.Bound {
	t.Helper()
	b, err := fold.ParseBound(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFoldSaysHowMuchWasWatched(t *testing.T) {
	_, p := folded(t, fold.Options{}, poll(0, ""), poll(1000, ""), poll(9000, call("1", "a")), poll(10000, ""))
	w := p.Watch
	if w.Watched.Seconds() != 2 || w.Window.Seconds() != 10 || w.Holes != 1 || w.Polls != 4 || w.Calls != 1 {
		t.Errorf("got %+v", w)
	}
	facts := strings.Join(p.Facts(p.Tree()), " · ")
	if !strings.Contains(facts, "20.0 % of 10s watched") || !strings.Contains(facts, "1 gap") {
		t.Errorf("facts: %s", facts)
	}
}

func TestFoldCountsCallsByServerStart(t *testing.T) {
	line := func(at int, started int) string {
		return fmt.Sprintf(`{"startTime":%d,"toolCallStack":[{"id":"1","name":"a"}],"poll":{"at":%d,"intervalMs":1000}}`, epoch+started, epoch+at)
	}
	_, p := folded(t, fold.Options{}, line(0, -5000), line(1000, -5000), line(2000, 1500))
	if p.Watch.Calls != 2 {
		t.Errorf("a call of a server that was started anew is another one: got %d calls", p.Watch.Calls)
	}
}

// TestFoldProcesses follows the calls of each process behind an address: replicas answer in
// turn, and a process that does not answer again was replaced.
func TestFoldProcesses(t *testing.T) {
	line := func(second, pid int, name string) string {
		return fmt.Sprintf(`{"pid":%d,"toolCallStack":[{"id":"1","name":%q}],"poll":{"at":%d,"target":"t","intervalMs":1000}}`, pid, name, epoch+1000*second)
	}
	inTurn := func(processes, polls int) (lines []string) {
		for i := range polls {
			lines = append(lines, line(i, i%processes, string(rune('a'+i%processes))))
		}
		return lines
	}
	for _, tt := range []struct {
		name  string
		lines []string
		want  string
		calls int
		stuck string // rule of a call without an end
	}{
		{"a restart", []string{line(0, 1, "a"), line(1, 1, "a"), line(2, 2, "a"), line(3, 2, "a")}, "a 3000\n", 2, ""},
		{"two replicas", inTurn(2, 6), "a 4000\nb 4500\n", 2, ""},
		{"seven replicas", inTurn(7, 15), "a 14000\nb 7500\nc 7500\nd 7500\ne 7500\nf 7500\ng 7500\n", 7, "never-ended"},
		{"a replica that answers again much later", append([]string{line(0, 1, "a"), line(1, 1, "a")}, append(inTurn(1, 30)[2:], line(30, 1, "a"))...), "a 29000\n", 2, ""},
		{"replicas whose calls never end", inTurn(2, 40), "a 38000\nb 38500\n", 2, "never-ended"},
		{"a process that was killed with its call", append(inTurn(1, 20), line(20, 7, "b"), line(21, 7, "b")), "a 19500\nb 1500\n", 2, ""},
	} {
		got, p := folded(t, fold.Options{}, tt.lines...)
		if diff := cmp.Diff(tt.want, got); diff != "" || p.Watch.Calls != tt.calls || len(p.Watch.Targets) != 1 {
			t.Errorf("%s: %d calls of %q, %s", tt.name, p.Watch.Calls, p.Watch.Targets, diff)
		}
		findings, err := p.Findings(p.Tree())
		if err != nil {
			t.Fatal(err)
		}
		ended := !slices.ContainsFunc(findings, func(f rules.Finding) bool { return f.Rule == "never-ended" })
		if ended != (tt.stuck == "") {
			t.Errorf("%s: found %+v", tt.name, findings)
		}
	}
}

// TestFoldForgetsProcesses bounds the memory for a server that restarts all the time.
func TestFoldForgetsProcesses(t *testing.T) {
	var lines []string
	for i := range 500 {
		lines = append(lines, fmt.Sprintf(`{"pid":%d,"toolCallStack":[{"id":"1","name":"a"}],"poll":{"at":%d,"target":"t","intervalMs":1000}}`, i, epoch+1000*i))
	}
	if got, p := folded(t, fold.Options{}, lines...); got != "a 499000\n" || p.Watch.Calls != 500 {
		t.Errorf("%d calls, %s", p.Watch.Calls, got)
	}
}

func TestFoldIsTheSameInEveryRun(t *testing.T) {
	var lines []string
	for i := range 200 {
		lines = append(lines, bare(i*1000+i%7, call(fmt.Sprint(i), "a")+","+call(fmt.Sprint("x", i/3), fmt.Sprint("b", i%5))))
	}
	first, _ := folded(t, fold.Options{Parallel: fold.Share}, lines...)
	for range 5 {
		if again, _ := folded(t, fold.Options{Parallel: fold.Share}, lines...); again != first {
			t.Fatalf("%s\n%s", first, again)
		}
	}
}
