package flame

import "bytes"

// maxStored is how large the stacks in a picture are at most; beyond that only
// those of the boxes ride along.
const maxStored = 2 << 20

// narrower is the frame that stands for those that were left out.
const narrower = "(narrower)"

// stored returns the stacks as they ride in a picture with limit boxes, and
// whether some were left out.
func (t *Tree) stored(limit int) (stacks []byte, pruned bool) {
	if limit > 0 && t.size() > limit && !t.fits(maxStored) {
		t, pruned = t.prune(limit).tree(), true
	}
	var out bytes.Buffer
	_, _ = t.WriteFolded(&out) // a buffer takes everything
	return out.Bytes(), pruned
}

// fits reports whether t as folded stacks is no larger than about size.
func (t *Tree) fits(size int) bool {
	length := make([]int, len(t.chains))
	for i := range t.chains {
		c := &t.chains[i]
		if i != root {
			length[i] = length[c.parent]
		}
		for _, name := range t.of(c) {
			length[i] += len(t.names.bytes(name)) + 1
		}
		if c.self != 0 || c.baseSelf != 0 {
			size -= length[i] + 4
		}
		if size < 0 {
			return false
		}
	}
	return true
}

// prune returns the widest frames; one frame stands for all narrower ones
// under the same parent.
func (t *Tree) prune(limit int) *builder {
	b := newBuilder()
	b.names = t.names.clone()
	keep := t.widest(limit)
	to := make([]int32, len(t.chains))
	for i := 0; i < len(t.chains); i++ {
		c := &t.chains[i]
		at := int32(root)
		if i != root {
			at = b.insert(to[c.parent], t.of(c)[:keep[i]])
		}
		to[i] = at
		if keep[i] == c.count {
			b.nodes[at].self += c.self
			b.nodes[at].base += c.baseSelf
			continue
		}
		at = b.child(at, narrower)
		b.nodes[at].self += c.total
		b.nodes[at].base += c.baseTotal
		i += int(c.under)
	}
	return b
}
