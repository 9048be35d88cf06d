package flame

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/write"
)

func readStacks(t testing.TB, text string) *Profile {
	t.Helper()
	p := collect(t, text)
	p.Inputs = nil
	return p
}

// collect reads inputs of any kind.
func collect(t testing.TB, inputs ...string) *Profile {
	t.Helper()
	var c Collector
	for _, in := range inputs {
		if err := c.Read(strings.NewReader(in), "in"); err != nil {
			t.Fatal(err)
		}
	}
	p, err := c.Profile()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func writeStacks(t testing.TB, tree *stacks.Tree) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := write.Folded(&out, tree); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFramesKeepsTheWidest(t *testing.T) {
	tree := readStacks(t, "a;b;c 50\na;d 30\ne;f 15\ng 4\nh;i;j 1\n").Tree()
	frames, out := picture.Frames(tree, 5)
	var names []string
	for _, f := range frames {
		names = append(names, f.Name)
	}
	if want := []string{"", "a", "b", "c", "d", "e"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if out.Frames != 5 || out.Weight != 20 || out.Share != 0.2 {
		t.Errorf("left out: %+v", out)
	}
}

func BenchmarkReadFolded(b *testing.B) {
	text := many(30000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		readStacks(b, text).Tree()
	}
}
