package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain ünïcode 漢字 🎉":   "plain ünïcode 漢字 🎉",
		"\x1b[2J":              `\x1b[2J`,
		"\x1b]0;title\x07":     `\x1b]0;title\x07`,
		"\x1b]52;c;aGk=\x1b\\": `\x1b]52;c;aGk=\x1b\`,
		"\u009b2J":             `\x9b2J`,
		"\x9b2J":               `\x9b2J`,
		"a\x7fb":               `a\x7fb`,
		"\u202egnp.exe":        `\u202egnp.exe`,
		"\u2066a\u2069\u200f":  `\u2066a\u2069\u200f`,
		"\ufeffa\ufffe":        `\ufeffa\ufffe`,
		"\u2028\u2029":         `\u2028\u2029`,
		"\U000e0041":           `\U000e0041`,
		"\xed\xa0\x80":         `\xed\xa0\x80`, // half a surrogate
		"\xff\xc3":             `\xff\xc3`,
		"ok\rverdict: fine":    `ok\rverdict: fine`,
		"a\nb\tc\x00":          `a\nb\tc\x00`,
		"👩\u200d👩":             "👩\u200d👩",
		"\n::error::x":         `\n::error::x`,
		"::error::x":           `\x3a:error::x`,
		"  ::add-mask::x":      `  \x3a:add-mask::x`,
		"::error file=a,l=1::": `\x3a:error file=a,l=1::`,
		"see ##[error]x":       `see #\x23[error]x`,
		"##vso[task.x]/e":      `#\x23vso[task.x]/e`,
		"###TeamCity[x":        `##\x23TeamCity[x`,
		"## a [link]":          "## a [link]",
		"::1":                  "::1",
		"::ffff:10.0.0.1":      "::ffff:10.0.0.1",
		"a::b::c":              "a::b::c",
	} {
		if got := Line(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got, want := Text("a\n\tb\r\n::error::x\x1b"), "a\n\tb\\r\n\\x3a:error::x\\x1b"; got != want {
		t.Errorf("Text: %q, want %q", got, want)
	}
}

// harmless reports what of s a terminal could obey.
func harmful(s string, lines bool) string {
	for _, r := range s {
		if lines && (r == '\n' || r == '\t') {
			continue
		}
		if r < 0x20 || r >= 0x7f && r < 0xa0 || strings.ContainsRune("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u2028\u2029\ufeff", r) {
			return string(r)
		}
	}
	return ""
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"", "a", "\x1b[2J\u009b\x7f\u202e\xff\xed\xa0\x80\r\n", "漢字\u200d", "::error::x", "##[##[", "##vso[###teamcity[", "\\x1b", " ::a::\n::b::"} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		line, text := Line(s), Text(s)
		if harmful(line, false) != "" || harmful(text, true) != "" || !utf8.ValidString(line+text) {
			t.Errorf("%q: %q, %q", s, line, text)
		}
		if Line(line) != line || Text(text) != text {
			t.Errorf("%q: not idempotent: %q, then %q", s, line, Line(line))
		}
		if bracketCommand.MatchString(line) || bracketCommand.MatchString(text) || command.MatchString(line) || command.MatchString(text) {
			t.Errorf("%q: a workflow command came out: %q", s, text)
		}
		width = 1 + width&0x3f
		cell := Cell(s, width)
		if Width(cell) > width || harmful(cell, false) != "" || !utf8.ValidString(cell) {
			t.Errorf("%q cut to %d: %q, %d wide", s, width, cell, Width(cell))
		}
	})
}

func TestCell(t *testing.T) {
	for _, tc := range []struct {
		in    string
		width int
		want  string
	}{
		{"short", 10, "short"},
		{"exactly 10", 10, "exactly 10"},
		{"longer than 10", 10, "longer th…"},
		{"漢字漢字漢字", 7, "漢字漢…"},
		{"漢字漢字漢字", 6, "漢字…"},
		{strings.Repeat("x", 1<<20), 5, "xxxx…"},
		{strings.Repeat("\x1b", 1<<20), 6, `\x1b\…`},
		{"e" + strings.Repeat("\u0301", 1<<20), 4, ""},
	} {
		got := Cell(tc.in, tc.width)
		if tc.want != "" && got != tc.want || Width(got) > tc.width || len(got) > 20*tc.width {
			t.Errorf("%.20q at %d: %q, want %q", tc.in, tc.width, got, tc.want)
		}
	}
}

// What a JSONWriter lets through decodes to what was written, however it was
// cut up, and a terminal has nothing to obey.
func TestJSONWriter(t *testing.T) {
	const text = "a\x7f\u009b\u202e\ufeff\u2028\U000e0041漢🎉\u200d\\\"##[error]###[x#[[##vso[##teamcity[##x#["
	data, err := json.Marshal(map[string]string{text: text})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 2, 3, 5, len(data)} {
		var out bytes.Buffer
		w := NewJSONWriter(&out)
		for rest := data; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			if n, err := w.Write(rest[:min(size, len(rest))]); err != nil || n != min(size, len(rest)) {
				t.Fatal(n, err)
			}
		}
		if h := harmful(out.String(), false); h != "" {
			t.Errorf("in pieces of %d: %q came out", size, h)
		}
		if bracketCommand.MatchString(out.String()) {
			t.Errorf("in pieces of %d: a workflow command came out: %s", size, out.String())
		}
		got := map[string]string{}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || !cmp.Equal(got, map[string]string{text: text}) {
			t.Errorf("in pieces of %d: %q, %v", size, got, err)
		}
	}
}

// A document that a server sent need not be valid UTF-8: an 8-bit terminal
// obeys a bare 0x9b.
func TestJSONWriterInvalidUTF8(t *testing.T) {
	var out bytes.Buffer
	if _, err := NewJSONWriter(&out).Write([]byte("{\"a\": \"\x9b2J\xff\"}\n")); err != nil {
		t.Fatal(err)
	}
	if want := "{\"a\": \"\\ufffd2J\\ufffd\"}\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestJSONWriterTellsErrors(t *testing.T) {
	if _, err := NewJSONWriter(failing{}).Write([]byte("{}")); err == nil {
		t.Error("no error")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, iotest.ErrTimeout }

// A name of characters without a width is cut in little time.
func TestCellEndOfALongName(t *testing.T) {
	t.Parallel()
	if got := CellEnd(strings.Repeat("x", 100)+strings.Repeat("\u0301", 1<<20), 40); Width(got) > 40 || !strings.HasPrefix(got, "…") {
		t.Errorf("%d columns, %.20q", Width(got), got)
	}
	if got := CellEnd(strings.Repeat("x", 1000)+"end", 6); got != "…xxend" {
		t.Errorf("%q", got)
	}
}
