package flame

import (
	"bytes"
	"fmt"
	"math/rand/v2"
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
	for shape, text := range map[string]string{"wide": many(30000), "deep": deep(20000)} {
		b.Run("shape="+shape, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				readStacks(b, text).Tree()
			}
		})
	}
}

// deep returns stacks of 31 frames, most of which have one or two children.
func deep(lines int) string {
	rnd := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for range lines {
		b.WriteString("main")
		path := 1
		for depth := range 30 {
			if depth < 12 {
				path = 2*path + rnd.IntN(2)
			}
			fmt.Fprintf(&b, ";f%d_%d", depth, path%50)
		}
		fmt.Fprintf(&b, " %d\n", 1+rnd.IntN(9))
	}
	return b.String()
}
