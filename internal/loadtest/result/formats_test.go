package result

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
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
	r.Judge([]plan.Threshold{{Step: name, Metric: "p95", Op: "<", Value: 1, Text: "tool." + name + ".p95<1ms"}, {Metric: "p99", Op: "<", Value: 1e9, Text: "p99<1000000s"}})
	before.Tool = name + "!"
	r.Compare(before, name, DefaultTolerance)
	return r
}

var hostileNames = []string{
	"\x1b[2J\x1b]0;t\x07\x1b]8;;http://x\x07\x1b]52;c;eA==\x07", "\u009b31m", "\x7f", "\u202egnp", "\xed\xa0\x80", "\xff\xfe", strings.Repeat("x", 1<<16),
	"\rOK", "\n::error::x", `</script><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`, "]]>", "{{.}}",
	"\x00\x1b\ufffe", `=cmd|'/c calc'!A1`, "+1", "-1", "@x", "\tx", "\u2028", "|", "`", "a,b\"c",
}

type rendering struct {
	name   string
	result func(io.Writer) error
}

func renderings(name string) []rendering {
	r := named(name)
	return []rendering{
		{"text", func(w io.Writer) error { return r.Text(w, false) }},
		{"markdown", r.Report().Markdown}, {"junit", r.Report().JUnit}, {"html", r.HTML},
	}
}

// fakedLine matches a command to a CI system, and a verdict, on a line of its own.
var fakedLine = regexp.MustCompile(`(?m)^(::|OK$)`)

// Whatever the names are, nothing in any output does more than stand there.
func TestOutputsWithHostileNames(t *testing.T) {
	processtest.NeedsThorough(t)
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
			if fakedLine.MatchString(out) {
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
