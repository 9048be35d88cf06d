package write

import (
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// maxFrames is the largest number of frames in an output that repeats each stack
// from its root. Deep recursion with weight on each level grows with the square of
// its depth.
const maxFrames = 100_000_000

// checkSize returns an error if the stacks of t are too many to write one by one.
func checkSize(t *stacks.Tree) error {
	frames := 0
	for i := range t.Nodes {
		if n := &t.Nodes[i]; n.Self != 0 || n.Base != 0 {
			frames += int(n.Depth)
		}
	}
	if frames > maxFrames {
		return fmt.Errorf("the stacks have %s frames, more than %s; --fold-recursion or --focus makes them fewer, and svg, text and json have no such limit",
			stacks.Number(float64(frames)), stacks.Number(maxFrames))
	}
	return nil
}
