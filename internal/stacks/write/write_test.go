package write_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/write"
)

// TestPprofHoldsWholeNumbers refuses weights that overflow and would become negative, and
// fractions that would be lost.
func TestPprofHoldsWholeNumbers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		weight float64
		unit   stacks.Unit
		want   string
	}{
		{1e13, stacks.Millis, "more than the whole numbers of pprof hold"}, {0.3, stacks.Samples, "the weights are fractions"},
		{0.3, stacks.Millis, ""}, {1000.3, stacks.Samples, ""},
	} {
		p := stacks.NewProfile("test", tt.unit)
		p.Add([]int32{p.ID("f")}, tt.weight)
		if err := write.Pprof(io.Discard, p.Tree(stacks.ByName), p.Unit, nil); tt.want == "" && err != nil || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("%g %s: got %v", tt.weight, tt.unit, err)
		}
	}
}

// TestOutputsAreBounded writes a recursion with weight on each of 20,000 levels,
// whose stacks have 200 million frames.
func TestOutputsAreBounded(t *testing.T) {
	t.Parallel()
	p := stacks.NewProfile("test", stacks.Samples)
	name, at := p.ID("f"), stacks.Root
	for range 20_000 {
		at = p.Child(at, name)
		p.Nodes[at].Self = 1
	}
	tree := p.Tree(stacks.ByName)
	for format, out := range map[string]func() error{
		"folded":     func() error { _, err := write.Folded(io.Discard, tree); return err },
		"speedscope": func() error { return write.Speedscope(io.Discard, tree, "", p.Unit) },
		"pprof":      func() error { return write.Pprof(io.Discard, tree, p.Unit, nil) },
	} {
		if err := out(); err == nil || !strings.Contains(err.Error(), "200,010,000 frames, more than 100,000,000; --fold-recursion") {
			t.Errorf("%s: got %v", format, err)
		}
	}
}
