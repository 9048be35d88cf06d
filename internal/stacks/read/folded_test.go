package read_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
	"github.com/mcpdiag/mcpdiag/internal/stacks/write"
)

// open reads an input of any format.
func open(in []byte, o read.Options) (*stacks.Profile, error) {
	input, err := read.Open(bytes.NewReader(in), "in")
	if err != nil {
		return nil, err
	}
	return input.Profile(o)
}

func readStacks(t testing.TB, text string) *stacks.Profile {
	t.Helper()
	p, err := open([]byte(text), read.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func folded(t testing.TB, p *stacks.Profile) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := write.Folded(&out, p.Tree(stacks.ByName)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestReadFolded(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"integers", "a;b 1\na 2\na;b 3\n", "a 2\na;b 4\n"},
		{"decimals", "a 0.5\na 0.25\nb 1e3", "a 0.75\nb 1000\n"},
		{"carriage returns", "a;b 1\r\nc 2\r\n", "a;b 1\nc 2\n"},
		{"comments and empty lines", "# made by a tool\n\na 1\n#\n", "a 1\n"},
		{"a name that begins with a hash", "#1;b 1\n", "#1;b 1\n"},
		{"one parent, whatever the order of lines is", "a;foo 1\na.init 1\na 1\na;bar 1\n", "a 1\na;bar 1\na;foo 1\na.init 1\n"},
		{"blanks in names", "main loop;read (a.py:3) 7\n", "main loop;read (a.py:3) 7\n"},
		{"a tab before the weight", "a;b\t5\n", "a;b 5\n"},
		{"a frame that ends in a number", "thread 12 5\nb 1\n", "b 1\nthread_12 5\n"},
		{"two columns", "a 1 2\nb 3 0\n", "a 1 2\nb 3 0\n"},
		{"bad lines are skipped", "a 1\nno weight\nb x2\nc -1\na 1\na 1\na 1\nd NaN\ne 0x10\n7\na 1\na 1\n", "a 6\n"},
		{"nothing weighs nothing", "a 0\nb 1\n", "b 1\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, folded(t, readStacks(t, tt.in))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadFoldedNamesBadLines(t *testing.T) {
	p := readStacks(t, "a 1\nbad\n# fine\nb 2\nalso bad\n")
	if diff := cmp.Diff([]string{"in: 2 of 4 lines are not folded stacks and were skipped"}, p.Warnings); diff != "" {
		t.Error(diff)
	}
	want := []string{"in:2: there is no weight at its end", "in:5: there is no weight at its end"}
	if diff := cmp.Diff(want, p.Details); diff != "" {
		t.Error(diff)
	}
	if _, err := open([]byte("x\ny\n"), read.Options{}); err == nil || !strings.Contains(err.Error(), "holds for 0 of 2 lines here; the first line is \"x\"") {
		t.Errorf("all lines are bad, but: %v", err)
	}
}

func TestReadFoldedFindsBadLinesAnywhere(t *testing.T) {
	line := strings.Repeat("frame;", 100) + "end 1\n"
	n := 3<<20/len(line) + 1
	text := strings.Repeat(line, n) + "bad\n" + strings.Repeat(line, n)
	p := readStacks(t, text)
	if want := fmt.Sprintf("in:%d: there is no weight at its end", n+1); len(p.Details) != 1 || p.Details[0] != want {
		t.Errorf("got %q, want %s", p.Details, want)
	}
	if got := p.Weight(); got != float64(2*n) {
		t.Errorf("total %g, want %d", got, 2*n)
	}
}

func TestReadFoldedLongLine(t *testing.T) {
	if _, err := open([]byte(strings.Repeat("a", 17<<20)), read.Options{}); err == nil || !strings.Contains(err.Error(), "longer than 16 MiB") {
		t.Errorf("got %v", err)
	}
	p := readStacks(t, strings.Repeat("b", 3<<20)+" 5\na 1\n")
	if p.Weight() != 6 {
		t.Error("a line longer than a block was lost")
	}
}

// TestTreeIsWhatAPlainMergeMakes compares the tree with a map from each path to its
// weight.
func TestTreeIsWhatAPlainMergeMakes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		weights := map[string]float64{}
		var text strings.Builder
		for range 1 + rnd.IntN(40) {
			stack := make([]string, 1+rnd.IntN(9))
			for i := range stack {
				stack[i] = []string{"a", "b", "ab", "a.b", ""}[rnd.IntN(5)]
			}
			if strings.Join(stack, "") == "" {
				continue
			}
			w := 1 + rnd.IntN(9)
			fmt.Fprintf(&text, "%s %d\n", strings.Join(stack, ";"), w)
			for i := range stack {
				weights[strings.Join(stack[:i+1], ";")] += float64(w)
			}
		}
		if diff := cmp.Diff(weights, totals(readStacks(t, text.String()).Tree(stacks.ByName))); diff != "" {
			t.Fatalf("%s\n%s", text.String(), diff)
		}
	}
}

// totals returns the weight of each path.
func totals(tree *stacks.Tree) map[string]float64 {
	found := map[string]float64{}
	for i := 1; i < len(tree.Nodes); i++ {
		found[strings.Join(tree.Path(int32(i)), ";")] = tree.Nodes[i].Total
	}
	return found
}

func TestWriteFoldedIsReadableByOthers(t *testing.T) {
	p := stacks.NewProfile(read.Folded, stacks.Samples)
	for _, stack := range [][]string{{"a;b", "x 12"}, {"# not a comment"}, {"", "y\nz"}, {" blanks "}} {
		at := stacks.Root
		for _, name := range stack {
			at = p.Under(at, name)
		}
		p.Nodes[at].Self = 1.5
	}
	var out bytes.Buffer
	changed, err := write.Folded(&out, p.Tree(stacks.ByName))
	want := "(unnamed);y\\nz 1.5\nblanks 1.5\n_# not a comment 1.5\na:b;x_12 1.5\n"
	if err != nil || sorted(out.String()) != sorted(want) || changed != 6 {
		t.Errorf("%d changed, %v\n%s", changed, err, out.String())
	}
}

func sorted(lines string) string {
	list := strings.Split(lines, "\n")
	slices.Sort(list)
	return strings.Join(list, "\n")
}

func FuzzReadFolded(f *testing.F) {
	for _, seed := range []string{"a;b 1\nc 2.5\r\n", "a 1 2\n", "# x\n;;; 3\n", "a;\xff 1\n", "x 1e400\n", "\x1b[2J;b 1", "a;b;a;b 1\na 3\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := open([]byte(text), read.Options{})
		if err != nil {
			return
		}
		once := folded(t, p)
		if strings.ContainsFunc(once, func(r rune) bool { return r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0) }) {
			t.Errorf("a control character comes out: %q", once)
		}
		if once == "" {
			return
		}
		again := readStacks(t, once) // names that were mended may stand in another order now
		if total := again.Weight(); math.Abs(total-p.Weight()) > 1e-6*float64(len(text))+1e-9*total {
			t.Errorf("%g became %g in %q", p.Weight(), total, once)
		}
		if twice := folded(t, again); sorted(twice) != sorted(once) && !merges(once) {
			t.Errorf("what was written reads back otherwise:\n%q\n%q", once, twice)
		}
	})
}

// merges reports whether two lines have the same stack: names that were mended can fall together.
func merges(lines string) bool {
	seen := map[string]bool{}
	for line := range strings.SplitSeq(lines, "\n") {
		stack := line[:max(strings.LastIndexByte(line, ' '), 0)]
		if seen[stack] {
			return true
		}
		seen[stack] = true
	}
	return false
}
