package loadtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// named is a result in which everything that a server can say is name.
func named(name string) *Result {
	r := simulated(1, 12, 10, 0.05)
	before := simulated(2, 12, 5, 0)
	r.Schema, r.URL, r.Server, r.Protocol, r.Tool, r.Arguments = Schema, name, name, "2025-11-25", name, map[string]string{name: name}
	r.StartedAt = time.Unix(1763700000, 0).UTC()
	r.Errors = []ErrorCount{{Kind: ErrTool, Count: 3, Example: name}, {Kind: ErrHTTP, Code: 500, Count: 1, Example: name}}
	r.Sessions = Sessions{Failed: 2, Errors: []ErrorCount{{Kind: ErrRPC, Code: -32000, Count: 2, Example: name}}}
	r.Steps = []StepFigures{{Label: name, Kind: name, Calls: 5, Latency: r.Latency}, {Label: name + "2", Calls: 5, Latency: r.Latency}}
	before.Steps = r.Steps
	r.Warnings = []string{name}
	r.Judge([]Threshold{{Step: name, Metric: "p95", Op: "<", Value: 1, Text: "tool." + name + ".p95<1ms"}, {Metric: "p99", Op: "<", Value: 1e9, Text: "p99<1000000s"}})
	before.Tool = name + "!"
	r.Compare(before, name, DefaultTolerance)
	return r
}

func namedKnee(name string) *Knee {
	m := &model{workers: 8, serviceS: 0.02, noise: 0.01, rand: newRand(1, 1)}
	objectives := []Threshold{{Metric: "p99", Op: "<", Value: 60, Text: name}}
	k, err := FindKnee(context.Background(), m, KneeConfig{MaxUsers: 100, Objectives: objectives, Text: name})
	if err != nil {
		panic(err)
	}
	k.URL, k.Server, k.Protocol, k.Tool, k.StartedAt = name, name, "2025-11-25", name, time.Unix(1763700000, 0).UTC()
	k.Warnings, k.Reasons = append(k.Warnings, name), []string{name}
	return k
}

var hostileNames = []string{
	"\x1b[2J\x1b]0;t\x07\x1b]8;;http://x\x07\x1b]52;c;eA==\x07", "\u009b31m", "\x7f", "\u202egnp", "\xed\xa0\x80", "\xff\xfe", strings.Repeat("x", 1<<20),
	"\rOK", "\n::error::x", `</script><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`, "]]>", "{{.}}",
	"\x00\x1b\ufffe", `=cmd|'/c calc'!A1`, "+1", "-1", "@x", "\tx", "\u2028", "|", "`", "a,b\"c",
}

type rendering struct {
	name   string
	result func(io.Writer) error
}

func renderings(name string) []rendering {
	r, k := named(name), namedKnee(name)
	return []rendering{
		{"text", func(w io.Writer) error { return r.Text(w, false) }}, {"knee text", func(w io.Writer) error { return k.Text(w, false) }},
		{"markdown", r.Markdown}, {"knee markdown", k.Markdown}, {"junit", r.JUnit}, {"knee junit", k.JUnit}, {"html", r.HTML}, {"knee html", k.HTML},
	}
}

// Whatever the names are, nothing in any output does more than stand there.
func TestOutputsWithHostileNames(t *testing.T) {
	harmless := map[string]string{}
	for _, o := range renderings("name") {
		harmless[o.name] = rendered(t, o)
	}
	for _, name := range hostileNames {
		for _, o := range renderings(name) {
			out := rendered(t, o)
			for _, c := range out {
				if c < 0x20 && c != '\n' || c >= 0x7f && c <= 0x9f || c >= 0x202a && c <= 0x202e || c == 0x2028 || c == utf8.RuneError && !strings.Contains(o.name, "junit") {
					t.Errorf("%s of %.30q holds %U", o.name, name, c)
					break
				}
			}
			switch lines := strings.Count(harmless[o.name], "\n"); {
			case strings.Contains(o.name, "html"):
				sameElements(t, o.name, name, harmless[o.name], out)
			case strings.Contains(o.name, "junit"):
				var s report.Suite
				if err := xml.Unmarshal([]byte(out), &s); err != nil {
					t.Errorf("%s of %.30q: %v", o.name, name, err)
				}
			case strings.Count(out, "\n") != lines:
				t.Errorf("%s of %.30q has %d lines, the harmless one %d", o.name, name, strings.Count(out, "\n"), lines)
			}
			if regexp.MustCompile(`(?m)^(::|OK$)`).MatchString(out) {
				t.Errorf("%s of %.30q fakes a line", o.name, name)
			}
		}
	}
}

func rendered(t *testing.T, o rendering) string {
	t.Helper()
	var b bytes.Buffer
	if err := o.result(&b); err != nil {
		t.Fatalf("%s: %v", o.name, err)
	}
	return b.String()
}

var pictures = regexp.MustCompile(`data:image/svg\+xml;base64,([^"]*)`)

// sameElements wants a page and its pictures to have the elements of another.
func sameElements(t *testing.T, output, name, want, got string) {
	t.Helper()
	if diff := cmp.Diff(elements(t, want), elements(t, got)); diff != "" {
		t.Errorf("%s of %.30q has other elements (-want +got):\n%s", output, name, diff)
	}
	if m := regexp.MustCompile(`(?i)(src|srcset|href)="(https?:|//)`).FindString(got); m != "" {
		t.Errorf("%s of %.30q loads something: %s", output, name, m)
	}
	theirs := pictures.FindAllStringSubmatch(got, -1)
	for i, m := range pictures.FindAllStringSubmatch(want, -1) {
		a, err := base64.StdEncoding.DecodeString(m[1])
		b, err2 := base64.StdEncoding.DecodeString(theirs[i][1])
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(elements(t, string(a)), elements(t, string(b))); diff != "" {
			t.Errorf("picture %d of %s of %.30q has other elements:\n%s", i, output, name, diff)
		}
	}
}

func elements(t *testing.T, doc string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for dec := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(doc, "<!DOCTYPE html>"))); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return counts
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			counts[start.Name.Local]++
		}
	}
}

func TestCallLogWithHostileNames(t *testing.T) {
	for _, name := range hostileNames {
		var b bytes.Buffer
		l := NewCallLog(&b, []Step{{Kind: CallTool, Name: name}})
		l.Add(Call{At: 1500 * time.Millisecond, User: 3, Latency: 2 * time.Millisecond, Service: time.Millisecond, Bytes: 7, Failure: "isError"})
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%.30q: %v, %v", name, rows, err)
		}
		row := rows[1]
		if row[0] != "1.500000" || row[1] != "3" || row[3] != "2.000" || row[4] != "1.000" || row[6] != "isError" {
			t.Errorf("%.30q: the row is %.100q", name, row)
		}
		if strings.ContainsAny(row[2][:min(len(row[2]), 1)], "=+-@\t\r\n") || strings.ContainsAny(row[2], "\x1b\x00\u202e\n\r") {
			t.Errorf("%.30q stands as %.60q", name, row[2])
		}
	}
}

// failing is a writer that has no room.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestCallLogSaysThatItCannotWrite(t *testing.T) {
	l := NewCallLog(failing{}, []Step{{Name: "a"}})
	for range 10_000 {
		l.Add(Call{})
	}
	if err := l.Close(); err == nil || err.Error() != "no space left on device" {
		t.Errorf("got %v", err)
	}
}

func TestMergeAddsUp(t *testing.T) {
	a, b := named("search"), named("search")
	a.Latency.P50, a.Series = 0, a.Series[:5]
	both, err := Merge([]*Result{roundTrip(t, a), roundTrip(t, b)})
	if err != nil {
		t.Fatal(err)
	}
	if both.Calls != 2*b.Calls || both.Users != 2*b.Users || both.Latency.Count != 2*b.Latency.Count || both.Steps[0].Calls != 10 || both.Errors[0].Count != 6 {
		t.Errorf("the sum of two equal runs: %+v", both)
	}
	// Of two equal distributions the percentiles are those of one.
	if both.Latency.P50 != b.Latency.P50 || both.Latency.P99 != b.Latency.P99 {
		t.Errorf("p50 %g and p99 %g, want %g and %g", both.Latency.P50, both.Latency.P99, b.Latency.P50, b.Latency.P99)
	}
	if len(both.Series) != 12 || both.Series[0].Calls != 200 || both.Series[11].Calls != 100 {
		t.Errorf("the series is %+v", both.Series)
	}
	if len(both.Checks) != 0 || both.Comparison != nil {
		t.Error("thresholds of one run are held against the sum")
	}
}

func roundTrip(t *testing.T, r *Result) *Result {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadResult(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func TestReadResultRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"": "not the JSON of a load test", "[]": "not the JSON", `{"schema": "mcpdiag.loadtest/9"}`: `its schema is "mcpdiag.loadtest/9"`, `{}`: `its schema is ""`,
	} {
		if _, err := ReadResult(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q in it", text, err, want)
		}
	}
	broken := named("x")
	broken.Latency.Histogram = "AAAA"
	if _, err := Merge([]*Result{broken, named("x")}); err == nil || !strings.Contains(err.Error(), "reading a histogram") {
		t.Errorf("a broken histogram: %v", err)
	}
}

func TestLive(t *testing.T) {
	plan := &Plan{Stages: []Stage{{Users: 10, Duration: 90 * time.Second}}, Warmup: 10 * time.Second, Rounds: 1}
	l := NewLive(plan)
	l.Add(Progress{Users: 4, Elapsed: 24 * time.Second, Done: 2400})
	l.Add(Progress{Users: 10, Elapsed: 25 * time.Second, Done: 2500, Failed: 3, P50: 5 * time.Millisecond, P99: 40 * time.Millisecond})
	var b strings.Builder
	if err := l.Write(&b, false, 79); err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("█", 10) + strings.Repeat("░", 30) + "   25 %  1m15s left\n10 users  2,500 calls  100/s  p50 5ms  p99 40ms  failed 3\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	for _, width := range []int{1, 10, 30, 200} {
		b.Reset()
		if err := l.Write(&b, true, width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n") {
			plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(line, "")
			if report.Width(plain) > max(width, 20) {
				t.Error(fmt.Errorf("in %d columns the line is %q", width, plain))
			}
		}
	}
}

func TestLabelsThatDifferInTheirEnds(t *testing.T) {
	for in, want := range map[string]string{
		"short": "short", strings.Repeat("x", 40): strings.Repeat("x", 40),
		"resource:demo://resource/static/document/startup.md":   "resource:demo:/…atic/document/startup.md",
		"resource:demo://resource/static/document/structure.md": "resource:demo:/…ic/document/structure.md",
		strings.Repeat("漢", 30):                                 strings.Repeat("漢", 7) + "…" + strings.Repeat("漢", 11) + "…",
		"\x1b[2J":                                               "\\x1b[2J",
	} {
		if got := label(in); got != want || report.Width(got) > maxLabel {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
