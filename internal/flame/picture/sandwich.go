package picture

import (
	"io"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Sandwich draws one function in the middle, its callees above and its callers below.
// The tree all goes into the file.
func Sandwich(w io.Writer, all *stacks.Tree, name string, callers, callees *stacks.Tree, p Picture, maxFrames int) error {
	pic := newPicture(w, p)
	pic.stored = store(all, maxFrames)
	above, out := layout(callees, maxFrames/2, true)
	below, more := layout(callers, maxFrames/2, true)
	pic.out = LeftOut{Frames: out.Frames + more.Frames, Weight: out.Weight + more.Weight, Share: out.Share + more.Share}
	center := 0
	for i := range below {
		center = max(center, below[i].Row)
	}
	for i := range above {
		above[i].Row += center
	}
	above[0].Name = name
	pic.frames = above
	for _, f := range below[1:] {
		f.Row = center - f.Row
		if f.Parent > 0 {
			f.Parent += len(above) - 1
		}
		pic.frames = append(pic.frames, f)
	}
	if pic.Root == Auto {
		pic.Root = Bottom // callees above, callers below
	}
	return pic.write()
}
