package report

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/xml"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func aPage(t *testing.T, name string) string {
	t.Helper()
	p := Page{Title: name, Subtitle: name, Badge: name, Style: Bad}
	p.Facts(Fact{name, name})
	p.Heading(name)
	p.Paragraph(Caution, name)
	p.List(Faint, name, name)
	p.Table(map[int]bool{1: true}, []string{name, name}, [][]string{{name, name}, {name, name}}, map[int]bool{1: true})
	p.Chart(aChart(name))
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var picture = regexp.MustCompile(`data:image/svg\+xml;base64,([^"]*)`)

// Names change no element, neither of the page nor of its pictures, and nothing is loaded.
func TestPageWithHostileNames(t *testing.T) {
	want := elements(t, strings.TrimPrefix(aPage(t, "name"), "<!DOCTYPE html>"))
	for _, name := range hostileNames {
		page := aPage(t, name)
		if diff := cmp.Diff(want, elements(t, strings.TrimPrefix(page, "<!DOCTYPE html>"))); diff != "" {
			t.Errorf("%.40q changes the elements (-want +got):\n%s", name, diff)
		}
		for _, m := range picture.FindAllStringSubmatch(html.UnescapeString(page), -1) {
			chart, err := base64.StdEncoding.DecodeString(m[1])
			if err != nil {
				t.Fatal(err)
			}
			elements(t, string(chart))
		}
		if m := regexp.MustCompile(`(?i)(src|srcset|href|url\()=?["']?(https?:|//)`).FindString(page); m != "" {
			t.Errorf("%.40q: the page loads something: %s", name, m)
		}
	}
	if n := len(picture.FindAllString(html.UnescapeString(aPage(t, "x")), -1)); n != 2 {
		t.Errorf("a chart is %d pictures, want one wide and one narrow", n)
	}
}

func TestSuiteWithHostileNames(t *testing.T) {
	for _, name := range append([]string{"\x00\x1b\ufffe", "]]>"}, hostileNames...) {
		s := Suite{Name: name}
		s.Add(Case{Class: name, Name: name, Failure: &Problem{Message: name, Text: name}, Out: name})
		s.Add(Case{Name: name, Skipped: &Problem{Message: name}})
		var b bytes.Buffer
		if err := s.Write(&b); err != nil {
			t.Fatal(err)
		}
		var back Suite
		if err := xml.Unmarshal(b.Bytes(), &back); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if back.Tests != 2 || back.Failures != 1 || back.Skipped != 1 || len(back.Cases) != 2 || back.Cases[0].Failure.Message != Line(name) {
			t.Errorf("%.40q came back as %+v", name, back)
		}
	}
}

func TestCSVText(t *testing.T) {
	for in, want := range map[string]string{
		"name": "name", "": "", "=cmd|'/c calc'!A1": "'=cmd|'/c calc'!A1", "+1": "'+1", "-1": "'-1", "@x": "'@x",
		"\tx": `'\tx`, "\rx": `'\rx`, "\nx": `'\nx`, "a=b": "a=b", `q"q`: `q"q`,
	} {
		got := CSVText(in)
		if got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		_ = w.Write([]string{got, "x"})
		w.Flush()
		if rows, err := csv.NewReader(&b).ReadAll(); err != nil || len(rows) != 1 || rows[0][0] != got {
			t.Errorf("%q came back as %q, %v", got, rows, err)
		}
	}
}

func TestMarkdownTableKeepsItsCells(t *testing.T) {
	for _, name := range hostileNames {
		table := MarkdownTable(map[int]bool{1: true}, []string{"a", "b"}, [][]string{{name, name}})
		lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
		if len(lines) != 3 || strings.Count(strings.ReplaceAll(lines[2], `\|`, ""), "|") != 3 || strings.ContainsAny(lines[2], "<>\x1b") {
			t.Errorf("%.40q makes\n%s", name, table)
		}
	}
}

// A table that is wider than the screen has a shadow at the side to which it scrolls.
func TestWideTablesShowThatTheyScroll(t *testing.T) {
	var b bytes.Buffer
	p := Page{Title: "t"}
	p.Table(nil, []string{"a"}, [][]string{{"b"}}, nil)
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	rule := regexp.MustCompile(`\.wide\{overflow-x:auto;background:[^}]*var\(--shade\)[^}]*\}`)
	if page := b.String(); !rule.MatchString(page) || !strings.Contains(page, `<div class="wide"`) {
		t.Error("a wide table has no shadow")
	}
}
