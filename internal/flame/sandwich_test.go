package flame

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
)

// TestSandwichIsAPlainCount compares callers and callees with a count over the lines.
func TestSandwichIsAPlainCount(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		var text strings.Builder
		total, self, callers, callees := 0.0, 0.0, map[string]float64{}, map[string]float64{}
		for range 1 + rnd.IntN(40) {
			stack := make([]string, 1+rnd.IntN(7))
			for i := range stack {
				stack[i] = []string{"a", "b", "c", "f", "ab"}[rnd.IntN(5)]
			}
			w := 1 + rnd.IntN(9)
			fmt.Fprintf(&text, "%s %d\n", strings.Join(stack, ";"), w)
			at := slices.Index(stack, "f")
			if at < 0 {
				continue
			}
			total += float64(w)
			if at > 0 {
				callers[stack[at-1]] += float64(w)
			}
			if at+1 < len(stack) {
				callees[stack[at+1]] += float64(w)
			} else {
				self += float64(w)
			}
		}
		if total == 0 {
			continue
		}
		s, err := readStacks(t, text.String()).Sandwich("f")
		if err != nil {
			t.Fatal(err)
		}
		if s.Total != total || s.Self != self {
			t.Fatalf("total %g and self %g, counted %g and %g in\n%s", s.Total, s.Self, total, self, text.String())
		}
		for _, part := range []struct {
			name string
			got  []Neighbour
			want map[string]float64
		}{{"callers", s.Callers, callers}, {"callees", s.Callees, callees}} {
			got := map[string]float64{}
			for _, n := range part.got {
				got[n.Name] = n.Total
			}
			if diff := cmp.Diff(part.want, got); diff != "" {
				t.Fatalf("%s of f in\n%s%s", part.name, text.String(), diff)
			}
		}
	}
}

// TestSandwichByTheNamesThatAreShown finds functions by what other outputs call them.
func TestSandwichByTheNamesThatAreShown(t *testing.T) {
	t.Parallel()
	const in = "main;read_[k] 5\nmain;read 3\nmain;read_[k];copy_[k] 2\n"
	for _, name := range []string{"read", "read_[k]"} {
		s, err := readStacks(t, in).Sandwich(name)
		if err != nil || s.Name != "read" || s.Total != 10 || s.Self != 8 || len(s.Callees) != 1 || s.Callees[0].Name != "copy" {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	const profile = `{"nodes":[{"id":1,"callFrame":{"functionName":"(root)"},"children":[2,3]},{"id":2,"hitCount":5,"callFrame":{"functionName":"handle","url":"/a.js","lineNumber":3}},` +
		`{"id":3,"callFrame":{"functionName":"get","url":"/a.js","lineNumber":9},"children":[4]},{"id":4,"hitCount":1,"callFrame":{"functionName":"get","url":"/b.js","lineNumber":0}}]}`
	if s, err := collect(t, profile).Sandwich("handle /a.js:4"); err != nil || s.Total != 5 {
		t.Errorf("with its place: %v, %v", s, err)
	}
	for name, want := range map[string]string{"get": `"get", but "get /a.js:10", "get /b.js:1"`, "hanlde": `(did you mean "handle"?)`, "x": `called "x"; --format text`} {
		if _, err := collect(t, profile).Sandwich(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSandwichDrawsBothSides(t *testing.T) {
	t.Parallel()
	s, err := readStacks(t, small).Sandwich("query")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := s.SVG(&out, picture.Picture{Title: "query", Unit: "samples"}, 100); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"query\n45 samples, 100.0 %", "main\n45 samples", "execute\n45 samples", "recv\n40 samples, 88.9 %"} {
		if !strings.Contains(out.String(), "<title>"+want) {
			t.Errorf("the picture does not show %q", want)
		}
	}
	if strings.Contains(out.String(), "<title>render") {
		t.Error("the picture shows a frame that is neither caller nor callee")
	}
}

func TestHeapProfilesSpeakOfMemory(t *testing.T) {
	t.Parallel()
	const in = `{"head":{"selfSize":0,"callFrame":{"functionName":"(root)"},"children":[` +
		`{"selfSize":4194304,"callFrame":{"functionName":"keep"},"children":[]},{"selfSize":1048576,"callFrame":{"functionName":"readFileSync"},"children":[]}]},"samples":[]}`
	p := collect(t, in)
	tree := p.Tree()
	findings, err := p.Findings(tree)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range findings {
		text.WriteString(f.Rule + ": " + f.Says + ". " + f.Means + " " + f.Do + "\n")
	}
	text.WriteString(strings.Join(p.Facts(tree), " · "))
	for _, never := range []string{"time", "spends", "spent", "±", "samples", "waits"} {
		if strings.Contains(text.String(), never) {
			t.Errorf("%q is said of memory:\n%s", never, text.String())
		}
	}
	if !strings.Contains(text.String(), "plateau: keep holds 4.0 MB, 80.0 %, by itself. The memory is allocated here") {
		t.Errorf("got\n%s", text.String())
	}
}

// TestNarrowFramesShowAsOne draws more roots than boxes: the rest is one box.
// TestSpansAreMeasured finds a plateau among few spans, whose time has no sampling error.
func TestSpansAreMeasured(t *testing.T) {
	t.Parallel()
	const in = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"a","spanId":"1","name":"call","startTimeUnixNano":"0","endTimeUnixNano":"9000000"},` +
		`{"traceId":"a","spanId":"2","parentSpanId":"1","name":"query","startTimeUnixNano":"0","endTimeUnixNano":"8000000"}]}]}]}`
	const events = `{"shared":{"frames":[{"name":"a"}]},"profiles":[{"type":"evented","unit":"milliseconds","startValue":0,"endValue":9,` +
		`"events":[{"type":"O","frame":0,"at":0},{"type":"C","frame":0,"at":9}]}]}` // as dotnet-trace writes
	for _, in := range []string{in, events} {
		p := collect(t, in)
		if facts := strings.Join(p.Facts(p.Tree()), " · "); facts != "9ms in all" {
			t.Errorf("facts %q", facts)
		}
	}
	p := collect(t, in)
	if list := found(t, p); !slices.Contains(list, "plateau query") {
		t.Errorf("found %q", list)
	}
}

func TestNarrowFramesShowAsOne(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&in, "root%d 1\n", i)
	}
	svg := draw(t, in.String(), nil)
	if !strings.Contains(svg, "<title>(15,000 narrower frames)\n15,000 samples, 75.0 %") {
		t.Error("three quarters of the picture are blank")
	}
	if !strings.Contains(svg, "15,000 narrower frames, 75.0 % of the whole, left out; search does not find them") {
		t.Error("the note does not say that search is limited")
	}
}

func TestPictureIsTallerThanAScreen(t *testing.T) {
	t.Parallel()
	for depth, icicle := range map[int]string{20: "false", 60: "true"} {
		if svg := draw(t, strings.Repeat("f;", depth)+"end 1\n", nil); !strings.Contains(svg, `data-icicle="`+icicle+`"`) {
			t.Errorf("with %d levels, the root on top is not %s", depth, icicle)
		}
	}
	svg := draw(t, strings.Repeat("f;", 60)+"end 1\n", func(p *picture.Picture) { p.Root = picture.Bottom })
	if !strings.Contains(svg, `data-icicle="false"`) {
		t.Error("the root is on top although the bottom was asked for")
	}
}

func TestSuffixesOfPerfScriptsAreNotShown(t *testing.T) {
	t.Parallel()
	svg := draw(t, "main;do_syscall_64_[k] 5\nmain;jitted_[j] 5\nmain;x_[y] 5\n", nil)
	for _, want := range []string{"<title>do_syscall_64\n", "<title>jitted\n", "<title>x_[y]\n"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %q in the picture", want)
		}
	}
	if got := writeStacks(t, collect(t, svg).Tree()); !strings.Contains(got, "main;do_syscall_64_[k] 5") {
		t.Errorf("the stacks in the picture lost the suffix:\n%s", got)
	}
}

func TestDocumentsThatAreNoSnapshots(t *testing.T) {
	t.Parallel()
	var c Collector
	if err := c.Read(strings.NewReader(`{"startTime":5,"nodes":[]}`), "x.json"); err == nil || !strings.Contains(err.Error(), "neither a snapshot nor a profile") {
		t.Errorf("got %v", err)
	}
	const log = `{"timestamp":"2026-11-26T10:00:00Z","level":"info","message":"tool called"}` + "\n"
	if err := c.Read(strings.NewReader(log+log), "app.log"); err == nil || !strings.Contains(err.Error(), `reading app.log: these are lines of a log, which mcpdiag flame does not draw; "mcpdiag logs" reads them`) {
		t.Errorf("got %v", err)
	}
	const lines = "{\n\"timestamp\": 1763700000000,\n\"toolCallStack\": [\n{\n\"id\": \"1\",\n\"name\": \"search\",\n\"durationMs\": 100\n},\n{\n\"id\": \"2\",\n\"name\": \"fetch\",\n\"durationMs\": 50\n}\n]\n}\n"
	if got := writeStacks(t, collect(t, lines).Tree()); got != "fetch 50\nsearch 100\n" {
		t.Errorf("a snapshot without indentation: %s", got)
	}
}

func TestPictureTellsItsColumns(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"a;b 1\n": `columns="1"`, "a;b 1 2\n": `columns="2"`} {
		if svg := draw(t, in, func(p *picture.Picture) { p.Palette = picture.Hot }); !strings.Contains(svg, want) {
			t.Errorf("%q is not drawn with %s", in, want)
		}
	}
}
