package leaktest

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

var hostile = []string{
	"</script><script>alert(1)</script>", `"><svg onload=alert(1)>`, "<img src=x onerror=alert(1)>", "]]>", "{{.}}",
	"\x1b[2J\x00\u202e\u2028\xff", "\n::error::x", "javascript:alert(1)",
}

// named is a result in which every text from outside is name.
func named(name string) *Result {
	r := resultOf(phaseOf("call", line(13, 20, 1)...), phaseOf("closed", line(13, 20, 0)...))
	r.Target = Target{URL: name, Server: name, Protocol: name, Tool: name, Command: name, Env: []string{name}}
	r.Phases[0].Rounds[1].Latency = &judge.Latency{P50: 1, P90: 2, P99: 3, Max: 4}
	r.Phases[0].Errors, r.Phases[0].Failed = map[string]string{name: name}, 1
	r.Environment, r.Warnings, r.Command = map[string]string{name: name}, []string{name}, []string{name}
	r.Files = Files{Folder: name, Memory: name, Server: name, Flame: name, Rounds: []string{name}}
	r.Sentence = name
	return r
}

var tag = regexp.MustCompile(`<[a-zA-Z!/][^>]*>`)

// Whatever the names are, the page has the same elements, loads nothing and
// carries a policy that would not let it.
func TestPageIsHarmless(t *testing.T) {
	page := func(name string) string {
		var b bytes.Buffer
		if err := named(name).HTML(&b, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	count := len(tag.FindAllString(page("harmless"), -1))
	for _, name := range hostile {
		html := page(name)
		if got := len(tag.FindAllString(html, -1)); got != count {
			t.Errorf("%q makes %d elements of %d", name, got, count)
		}
		if strings.ContainsAny(html, "\x1b\x00\u202e\u2028") || strings.Contains(html, "ZgotmplZ") {
			t.Errorf("%q is not harmless", name)
		}
	}
	html := page("harmless")
	if !strings.Contains(html, `content="default-src &#39;none&#39;; `) || strings.Contains(html, "<script") {
		t.Error("the policy is not there")
	}
	if regexp.MustCompile(`(src|href|srcset)="(https?:|//)`).MatchString(html) {
		t.Error("the page loads something")
	}
}

// The pictures in the page are well-formed.
func TestPictures(t *testing.T) {
	var b bytes.Buffer
	if err := named(hostile[1]).HTML(&b, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`base64,([A-Za-z0-9+/=&#;]+)`).FindAllStringSubmatch(b.String(), -1)
	if len(found) < 4 {
		t.Fatalf("%d pictures", len(found))
	}
	for _, m := range found {
		svg, err := base64.StdEncoding.DecodeString(strings.NewReplacer("&#43;", "+", "&#61;", "=").Replace(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, svg)
	}
}

func wellFormed(t *testing.T, doc []byte) {
	t.Helper()
	for dec := xml.NewDecoder(bytes.NewReader(doc)); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
	}
}

func TestFormatsAreHarmless(t *testing.T) {
	for _, name := range hostile {
		r := named(name)
		var junit, github, markdown bytes.Buffer
		for w, write := range map[*bytes.Buffer]func(io.Writer) error{&junit: r.Report().JUnit, &github: r.Report().GitHub, &markdown: r.Report().Markdown} {
			if err := write(w); err != nil {
				t.Fatal(err)
			}
		}
		wellFormed(t, junit.Bytes())
		for text := range strings.Lines(github.String()) {
			if !regexp.MustCompile(`^::(error|warning|notice) title=mcpdiag leaktest[^:]*::`).MatchString(text) {
				t.Errorf("%q makes the line %q", name, text)
			}
		}
		if strings.Contains(markdown.String(), "<script") || strings.Contains(markdown.String(), "<img") {
			t.Errorf("%q is live in Markdown:\n%s", name, markdown.String())
		}
	}
}

// The page has what repeats the judgement of each phase, and does not take for
// an error what was made to fail.
func TestPageOfSeveralPhases(t *testing.T) {
	r := resultOf(phaseOf("call", line(13, 20, 1)...), phaseOf("failed-call", line(13, 20, 0)...))
	r.Phases[1].MeantToFail, r.Phases[1].Failed, r.Phases[1].Errors = true, 12, map[string]string{"JSON-RPC error": "unknown tool"}
	r.Files = Files{Folder: "out", Rounds: []string{"rounds.csv", "rounds-failed-call.csv"}}
	var b bytes.Buffer
	if err := r.HTML(&b, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string {
		return "--judge " + html.EscapeString(report.ShellWord(filepath.Join("out", name))) + "<"
	}
	for _, want := range []string{file("rounds.csv"), file("rounds-failed-call.csv"), ">failed-call, wrong on purpose<", ">No round was completed.<", "mcpdiag proxy puts one in front"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page has no %s", want)
		}
	}
}
