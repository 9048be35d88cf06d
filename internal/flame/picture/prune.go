package picture

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/write"
)

// maxStored is the largest size of the stacks in a picture, before compression;
// beyond it only those of the boxes are stored.
const maxStored = 4 << 20

// narrower is the frame that stands for those that were left out.
const narrower = "(narrower)"

// stored is the stacks in a picture, to be read back.
type stored struct {
	text    string // compressed
	pruned  bool   // some were left out
	columns int    // weights of each stack
}

// store returns the stacks for a picture with limit boxes.
func store(t *stacks.Tree, limit int) stored {
	s := stored{columns: 1}
	if t.BaseTotal() > 0 {
		s.columns = 2
	}
	if limit > 0 && t.Size() > min(limit, MaxFrames) && !fits(t, maxStored) {
		t, s.pruned = prune(t, min(limit, MaxFrames)).Tree(stacks.ByName), true
	}
	var out bytes.Buffer
	packed := base64.NewEncoder(base64.StdEncoding, &out)
	zip, _ := gzip.NewWriterLevel(packed, gzip.BestSpeed) // it fails only for an invalid level
	if _, err := write.Folded(zip, t); err != nil {
		s.pruned = true // without a limit they can be too many
	}
	_ = zip.Close()
	_ = packed.Close()
	s.text = out.String()
	return s
}

// fits reports whether t as folded stacks is not larger than about size.
func fits(t *stacks.Tree, size int) bool {
	length := make([]int, len(t.Nodes))
	for i := 1; i < len(t.Nodes) && size >= 0; i++ {
		n := &t.Nodes[i]
		length[i] = length[n.Parent] + len(t.Names[n.Name]) + 1
		if n.Self != 0 || n.Base != 0 {
			size -= length[i] + 4
		}
	}
	return size >= 0
}

// prune returns the widest nodes; one frame stands for all narrower ones under
// the same parent.
func prune(t *stacks.Tree, limit int) *stacks.Builder {
	b := stacks.NewBuilder()
	rest := b.ID(narrower)
	keep := widest(t, limit)
	to := make([]int32, len(t.Nodes))
	for i := int32(0); int(i) < len(t.Nodes); i++ {
		n := &t.Nodes[i]
		if keep[i] {
			if i != stacks.Root {
				to[i] = b.Under(to[n.Parent], t.Name(i))
			}
			b.Nodes[to[i]].Self += n.Self
			b.Nodes[to[i]].Base += n.Base
			continue
		}
		at := b.Child(to[n.Parent], rest)
		b.Nodes[at].Self += n.Total
		b.Nodes[at].Base += n.BaseTotal
		i += n.Under
	}
	return b
}
