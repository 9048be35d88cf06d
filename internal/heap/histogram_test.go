package heap_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/heap/heaptest"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// class is a line of a class histogram.
type class struct {
	name         string
	count, bytes int
}

// histogram writes lines as jcmd does.
func histogram(classes ...class) []byte {
	var b strings.Builder
	b.WriteString("4711:\n num     #instances         #bytes  class name (module)\n-------------------------------------------------------\n")
	count, bytes := 0, 0
	for i, c := range classes {
		fmt.Fprintf(&b, "%4d: %13d %14d  %s\n", i+1, c.count, c.bytes, c.name)
		count, bytes = count+c.count, bytes+c.bytes
	}
	fmt.Fprintf(&b, "Total %13d %14d\n", count, bytes)
	return []byte(b.String())
}

// jvm returns the histogram of a server that keeps n entries.
func jvm(n int) []byte {
	return histogram(
		class{"[B (java.base@17.0.15)", 5000 + n, 400000 + 24*n},
		class{"[D (java.base@17.0.15)", 10 + n, 1000 + 1616*n},
		class{"java.util.HashMap$Node (java.base@17.0.15)", 3000 + n, 96000 + 32*n},
		class{"[Ljava.util.HashMap$Node; (java.base@17.0.15)", 300, 30000 + 8*n},
		class{"com.example.Session$Entry", 4 + n, 96 + 24*n},
		class{"com.example.Session$$Lambda$14/0x00007f2b67148418", 2, 32},
		class{"com.example.Session$$Lambda$14/0x00007f2b67149000", 3, 48},
		class{"com.example.Cache", 90, 900},
	)
}

// The class of the program that is kept per operation leads, although arrays have more
// bytes; classes with one name are added up.
func TestHistograms(t *testing.T) {
	t.Parallel()
	res := run(t, 500, content("a.txt", jvm(0)), content("b.txt", jvm(1000)))
	if want := "2.0 objects (48 B) per operation of the class com.example.Session$Entry stay; most bytes are of double[]: 2.0 objects (3 KB) per operation"; res.Headline != want {
		t.Errorf("%q, want %q", res.Headline, want)
	}
	if rep := res.Report(); res.Verdict != heap.Grows || rep.Outcome != finding.Found || len(rep.Findings) != 4 || rep.Findings[0].ID != "heap.class" {
		t.Errorf("%s: %+v", res.Verdict, rep.Findings)
	}
	if res.Kept() != res.Headline || res.A.Objects != 8409 || res.B.Bytes-res.A.Bytes != 1_704_000 {
		t.Errorf("%+v, %+v", res.A, res.B)
	}
	one := run(t, 0, content("b.txt", jvm(1000)))
	var names []string
	for _, c := range one.Classes {
		names = append(names, fmt.Sprintf("%s %d", c.Name, c.Objects))
	}
	if got, want := strings.Join(names, ", "), "double[] 1010, byte[] 6000, java.util.HashMap$Node 4000, java.util.HashMap$Node[] 300, com.example.Session$Entry 1004, com.example.Cache 90, com.example.Session$$Lambda$14 5"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var text strings.Builder
	if err := one.Text(&text, false); err != nil || strings.Contains(text.String(), "retained") {
		t.Errorf("%v, %s", err, text.String())
	}
}

// Steady servers are not blamed: few objects, objects that took the place of others, and
// the objects with which a collector fills gaps.
func TestSteadyHistograms(t *testing.T) {
	t.Parallel()
	base := class{"java.lang.Class", 1000, 1_000_000}
	for name, c := range map[string]struct{ a, b []class }{
		"few":  {[]class{base, {"Entry", 100, 2400}}, []class{base, {"Entry", 140, 3360}}},
		"gaps": {[]class{base, {"[I", 100, 2400}}, []class{base, {"[I", 900, 40_000}}},
		"gone": {[]class{base, {"Entry", 900, 2400}}, []class{base}},
	} {
		if res := run(t, 100, content("a", histogram(c.a...)), content("b", histogram(c.b...))); res.Verdict != heap.Steady {
			t.Errorf("%s: %s", name, res.Headline)
		}
	}
	arrays := run(t, 100, content("a", histogram(base)), content("b", histogram(base, class{"[I", 900, 400_000})))
	if !strings.Contains(arrays.Headline, "of the class int[] stay") {
		t.Errorf("a leak of arrays: %s", arrays.Headline)
	}
}

// Histograms that are damaged or made to harm are refused with a reason.
func TestHostileHistograms(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	good := string(jvm(10))
	torn, _, _ := strings.Cut(good, "Total")
	head, _, _ := strings.Cut(good, "   1:")
	many := func(n int) string { return fmt.Sprintf("   1: %d %d  A\n   2: %d %d  B\nTotal 1 1\n", n, n, n, n) }
	for name, c := range map[string]struct{ data, want string }{
		"cut off":          {torn, "its line Total is missing: was it written completely?"},
		"a line is gone":   {strings.Replace(good, "   8:", "   x:", 1), "lines are missing"},
		"sums overflow":    {head + many(1<<62), "line 5: the sums are too large"},
		"a huge number":    {head + "   1: 99999999999999999999 1  A\n", "line 4: 99999999999999999999 objects are too many"},
		"a huge total":     {head + "Total 1 99999999999999999999\n", "bytes are too many"},
		"a long line":      {head + "   1: 1 1  " + strings.Repeat("A", 1<<20) + "\nTotal 1 1\n", "line 4 is longer than 8192 bytes"},
		"dimensions":       {head + "   1: 1 1  " + strings.Repeat("[", 7000) + "I\nTotal 1 1\n", ""},
		"many classes":     {head + manyClasses(500_001), "more than 500000 classes"},
		"an odd character": {head + "   1: 1 1  A\x1b[31m\u202e\nTotal 1 1\n", ""},
	} {
		res, err := heap.Run([]heap.Source{content("h.txt", []byte(c.data))}, heap.Options{})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err == nil && (len(res.Classes[0].Name) > 250 || strings.ContainsAny(res.Classes[0].Name, "\x1b\u202e")) {
			t.Errorf("%s: the class is %q", name, res.Classes[0].Name)
		}
	}
}

func manyClasses(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d: 1 1 C%d\n", i, i)
	}
	return b.String()
}

func FuzzHistogram(f *testing.F) {
	f.Add(jvm(3))
	f.Add(histogram(class{"[[Ljava.lang.String;", 1, 24}, class{"LambdaForm$MH+0x0000000800c0a800/1", 2, 48}))
	fuzzFile(f, ".histogram.txt", "class histogram")
}

// fuzzFile compares each input with itself: nothing may have grown. It begins with the
// cases of heaptest with an extension.
func fuzzFile(f *testing.F, extension, format string) {
	for _, c := range heaptest.Cases() {
		if strings.HasSuffix(c.Name, extension) {
			f.Add(c.Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, sources := range [][]heap.Source{{content("b", data)}, {content("a", data), content("b", data)}} {
			res, err := heap.Run(sources, heap.Options{Operations: 10 * (len(sources) - 1), Memory: 1 << 20})
			if err != nil {
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("an error of several lines: %v", err)
				}
				continue
			}
			if len(sources) == 2 && res.Verdict != heap.Steady {
				t.Errorf("a %s compared with itself: %s", format, res.Headline)
			}
			if err := res.Text(io.Discard, false); err != nil {
				t.Fatal(err)
			}
			_ = res.Report()
		}
	})
}
