package flame

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/write"
)

// hostile are names that would have an effect if they were not escaped.
var hostile = []string{
	"\x1b[2J", "\x1b]0;title\x07", "\x1b]52;c;aGk=\x07", "\u009b31m", "\x7f", "\u202eevil", "\xed\xa0\x80", "\xff\xfe", "\r over", "\n::error::x",
	`</script><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`, "]]>", "{{.}}", "&amp;", "'", "\x00", "\ufffe",
	"-->", "</title>", "</style>", "http://evil.example/", strings.Repeat("long", 1<<18),
}

// output writes a profile in every format.
func output(t testing.TB, p *Profile, title string) map[string][]byte {
	t.Helper()
	tree := p.Tree()
	pic := p.Picture(p.Facts(tree))
	pic.Title = title
	result := p.Result(tree)
	result.AddFrames(tree, 0)
	result.Title = title
	var err error
	if result.Findings, err = p.Findings(tree); err != nil {
		t.Fatal(err)
	}
	pic.Findings, pic.Warnings = []string{title}, []string{title}
	formats := map[string]func(w io.Writer) error{
		"svg":        func(w io.Writer) error { return picture.SVG(w, tree, pic, 0) },
		"folded":     func(w io.Writer) error { _, err := write.Folded(w, tree); return err },
		"speedscope": func(w io.Writer) error { return write.Speedscope(w, tree, title, p.Unit) },
		"text":       func(w io.Writer) error { return result.Text(w, false) },
		"json":       func(w io.Writer) error { return report.WriteJSON(w, result) },
		"markdown":   result.Report().Markdown,
		"junit":      result.Report().JUnit,
		"github":     result.Report().GitHub,
		"pprof":      func(w io.Writer) error { return write.Pprof(w, tree, p.Unit, p.Dims) },
	}
	if p.Calls != nil {
		formats["chrome"] = p.WriteChrome
		formats["flamechart"] = func(w io.Writer) error { return p.Flamechart(w, pic, 0) }
	}
	written := map[string][]byte{}
	for format, write := range formats {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		written[format] = out.Bytes()
	}
	return written
}

// elements counts the elements of XML by name; it fails on anything else.
func elements(t testing.TB, data []byte) map[string]int {
	t.Helper()
	found := map[string]int{}
	dec := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("it is not XML: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			found[start.Name.Local]++
			for _, a := range start.Attr {
				if strings.HasPrefix(strings.ToLower(a.Name.Local), "on") || a.Name.Local == "href" || a.Name.Local == "src" {
					t.Errorf("%s has the attribute %s", start.Name.Local, a.Name.Local)
				}
			}
		}
	}
}

// traceOf is a trace in which everything has the same name: tool, target, session, handler, id.
func traceOf(name string) []string {
	q, _ := json.Marshal(name)
	var lines []string
	for i := range 40 {
		lines = append(lines, fmt.Sprintf(`{"toolCallStack":[{"id":%[1]s,"name":%[1]s,"sessionId":%[1]s,"handler":%[1]s,"durationMs":%[2]d}],`+
			`"handlerQueue":{%[1]s:9},"poll":{"at":%[3]d,"target":%[1]s,"intervalMs":1000}}`, q, 1000*i, epoch+1000*i))
	}
	return lines
}

func TestHostileNames(t *testing.T) {
	processtest.NeedsThorough(t)
	o := fold.Options{Spans: true, By: []fold.Dimension{fold.ByTarget, fold.BySession, fold.ByHandler}}
	_, p := folded(t, o, traceOf("tool")...)
	harmless := elements(t, output(t, p, "tool")["svg"])
	for i, name := range hostile {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			_, p := folded(t, o, traceOf(name)...)
			written := output(t, p, name)
			for format, data := range written {
				if format != "pprof" {
					control(t, format, data)
				}
			}
			sameElements(t, harmless, written["svg"])
			sameElements(t, nil, written["flamechart"])
			for _, format := range []string{"json", "speedscope", "chrome"} {
				if !json.Valid(written[format]) {
					t.Errorf("%s is not JSON", format)
				}
			}
			prof, err := profile.ParseData(written["pprof"])
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range prof.Function {
				control(t, "pprof", []byte(f.Name))
			}
		})
	}
}

// sameElements compares the elements of a picture with those of the harmless one,
// except text, whose lines and boxes depend on its length.
func sameElements(t *testing.T, want map[string]int, data []byte) {
	t.Helper()
	got := elements(t, data)
	for name := range got {
		if name != "text" && want != nil && got[name] != want[name] {
			t.Errorf("%d elements %s, of a harmless name %d", got[name], name, want[name])
		}
	}
}

// control fails if a byte would control a terminal.
func control(t *testing.T, format string, data []byte) {
	t.Helper()
	text := strings.NewReplacer("\n", "", "\t", "").Replace(string(data))
	if at := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' }); at >= 0 {
		t.Errorf("%s has %q", format, text[at:min(at+8, len(text))])
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if strings.HasPrefix(line, "::error") {
			t.Errorf("%s begins a line with a workflow command", format)
		}
	}
}

func FuzzSVG(f *testing.F) {
	for _, name := range hostile[:len(hostile)-1] {
		f.Add(name)
	}
	draw := func(t *testing.T, name string) []byte {
		b := stacks.NewBuilder()
		b.Nodes[b.Under(b.Under(stacks.Root, name), name)].Self = 1
		var out bytes.Buffer
		pic := picture.Picture{Title: name, Unit: stacks.Samples, Palette: picture.Tool, Warnings: []string{name}}
		if err := picture.SVG(&out, b.Tree(stacks.ByName), pic, 0); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	f.Fuzz(func(t *testing.T, name string) {
		want, got := elements(t, draw(t, "x")), elements(t, draw(t, name))
		for _, element := range []string{"svg", "g", "rect", "title", "script", "style", "metadata", "folded"} {
			if got[element] != want[element] {
				t.Errorf("%d elements %s, not %d", got[element], element, want[element])
			}
		}
		if len(got) != len(want) {
			t.Errorf("elements %v, not %v", got, want)
		}
	})
}

func TestSVGCarriesItsStacks(t *testing.T) {
	for name, in := range map[string]string{"plain": small, "two columns": "a;b 1 2\nc 3 0\n", "marked up": "<a>;\"b\" 1.5\n&amp; 2\n"} {
		p := collect(t, draw(t, in, nil))
		if got, want := writeStacks(t, p.Tree()), writeStacks(t, readStacks(t, in).Tree()); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if err := new(Collector).Read(strings.NewReader("<svg><g/></svg>"), "x.svg"); err == nil || !strings.Contains(err.Error(), "no stacks in this picture") {
		t.Errorf("got %v", err)
	}
}

func TestSVGIsTheSameInEveryRun(t *testing.T) {
	first := draw(t, many(9000), nil)
	if draw(t, many(9000), nil) != first {
		t.Error("two runs drew two pictures")
	}
}

// TestCollectorRecognizesInputs writes one profile in each format and reads it back.
func TestCollectorRecognizesInputs(t *testing.T) {
	written := output(t, readStacks(t, small), "title")
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write(written["folded"])
	_ = zip.Close()
	written["packed"] = packed.Bytes()
	prof, err := profile.ParseData(written["pprof"])
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if err := prof.WriteUncompressed(&raw); err != nil {
		t.Fatal(err)
	}
	written["raw pprof"] = raw.Bytes()
	written["with a byte order mark"] = append([]byte("\xef\xbb\xbf"), written["folded"]...)
	for _, format := range []string{"svg", "folded", "speedscope", "pprof", "packed", "raw pprof", "with a byte order mark"} {
		var c Collector
		if err := c.Read(bytes.NewReader(written[format]), format); err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		p, err := c.Profile()
		if err != nil {
			t.Fatal(err)
		}
		if got := writeStacks(t, p.Tree()); got != string(written["folded"]) {
			t.Errorf("%s: got %s", format, got)
		}
	}
}

func TestNamesThatLookLikeJSON(t *testing.T) {
	const in = "{closure};{main} 1\n{main};<svg> 2\n"
	var c Collector
	if err := c.Read(strings.NewReader(in), "php.txt"); err != nil {
		t.Fatal(err)
	}
	p, err := c.Profile()
	if err != nil {
		t.Fatal(err)
	}
	if got := writeStacks(t, p.Tree()); got != in {
		t.Errorf("got %s", got)
	}
}

func TestTextKeepsNamesOfDeepFrames(t *testing.T) {
	p := readStacks(t, strings.Repeat("below;", 40)+"example.com/a/long/path.function 1\n")
	for keepEnd, want := range map[bool]string{false: " example.com/a/…\n", true: " …/path.function\n"} {
		r := p.Result(p.Tree())
		r.AddFrames(p.Tree(), 0)
		r.KeepEnd = keepEnd
		var out bytes.Buffer
		r.Columns = 80
		if err := r.Text(&out, false); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line ends in %q:\n%s", want, out.String())
		}
	}
}

// A picture that is drawn again from a picture is the same picture.
func TestPictureOfPicture(t *testing.T) {
	first := draw(t, small, func(p *picture.Picture) { p.Title = "Time <spent> & \"lost\"" })
	p := collect(t, first)
	var second bytes.Buffer
	tree := p.Tree()
	if err := picture.SVG(&second, tree, p.Picture(p.Facts(tree)), picture.MaxFrames); err != nil {
		t.Fatal(err)
	}
	if second.String() != first {
		t.Errorf("-first +second:\n%s", cmp.Diff(first, second.String()))
	}
}

func TestTitleNamesInputs(t *testing.T) {
	for _, tt := range []struct {
		inputs, base []string
		want         string
	}{
		{[]string{"standard input"}, nil, "Flame graph"},
		{[]string{"some/folder/stacks.txt"}, nil, "Flame graph of stacks.txt"},
		{[]string{"a", "b"}, nil, "Flame graph of 2 inputs"},
		{[]string{"new"}, []string{"x/old.svg"}, "Flame graph of new against old.svg"},
	} {
		p := Profile{Profile: &stacks.Profile{TwoColumns: tt.base != nil}, Inputs: tt.inputs, Base: tt.base}
		if got := p.Title(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestCollectorAddsUp(t *testing.T) {
	if got := writeStacks(t, collect(t, "a 1\n", "a 2\nb 3\n").Tree()); got != "a 3\nb 3\n" {
		t.Error(got)
	}
	var c Collector
	for _, in := range []string{"a 1\n", poll(0, call("1", "a")) + "\n" + poll(1000, call("1", "a"))} {
		if err := c.Read(strings.NewReader(in), "in"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Profile(); err == nil || !strings.Contains(err.Error(), "counts ms and in samples: they cannot be added up") {
		t.Errorf("units were added up: %v", err)
	}
}

func TestPprofLabels(t *testing.T) {
	_, p := folded(t, fold.Options{Spans: true, By: []fold.Dimension{fold.ByTarget, fold.BySession}}, minute(func(int) (string, string) { return "", "" })...)
	prof, err := profile.ParseData(output(t, p, "")["pprof"])
	if err != nil {
		t.Fatal(err)
	}
	s := prof.Sample[0]
	if s.Label["target"][0] != "t" || s.Label["session"][0] != "(no session)" || len(s.Location) != 1 {
		t.Errorf("got %v with %d frames", s.Label, len(s.Location))
	}
}

// Other programs read our output; each test is skipped if its program is missing.

func TestGoToolPprofReads(t *testing.T) {
	file := writeFile(t, "p.pb.gz", output(t, readStacks(t, small), "")["pprof"])
	out := execute(t, "go", "tool", "pprof", "-top", file)
	if !regexp.MustCompile(`(?m)^\s*40 .* recv$`).MatchString(out) {
		t.Errorf("got %s", out)
	}
}

func TestFlamegraphPlReads(t *testing.T) {
	script := os.Getenv("FLAMEGRAPH_PL")
	if found, err := exec.LookPath("flamegraph.pl"); err == nil && script == "" {
		script = found
	}
	for _, packaged := range []string{"/usr/share/perl5/Devel/NYTProf/flamegraph.pl"} {
		if _, err := os.Stat(packaged); err == nil && script == "" {
			script = packaged
		}
	}
	if script == "" {
		t.Skip("flamegraph.pl is not installed; FLAMEGRAPH_PL names it")
	}
	b := stacks.NewBuilder()
	for _, name := range hostile[:10] {
		b.Nodes[b.Under(b.Under(stacks.Root, "main"), report.Line(name)+" 12")].Self = 7
	}
	file := writeFile(t, "in.folded", []byte(writeStacks(t, b.Tree(stacks.ByName))))
	out := execute(t, "perl", script, "--minwidth", "0", file)
	if strings.Contains(out, "Ignored") || strings.Count(out, "(7 samples, 10.00%)") < 10 {
		t.Errorf("flamegraph.pl reads it otherwise: %.2000s", out)
	}
}

func writeFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func execute(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}
