package flame

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// names numbers the distinct names of frames in the order in which they come.
// Their text lies in one piece, so that a million names are one object to the
// garbage collector.
type names struct {
	text   []byte
	ends   []int // name i ends at ends[i] and begins where the one before ends
	hashes []uint64
	slots  []uint64 // a hash table: the upper half of the hash, and the number plus one
	seed   maphash.Seed
}

func newNames() names { return names{seed: maphash.MakeSeed()} }

func (n *names) hash(name []byte) uint64 { return maphash.Bytes(n.seed, name) }

func (n *names) len() int { return len(n.ends) }

// bytes returns the text of a name; it must not be changed.
func (n *names) bytes(id int32) []byte {
	begin := 0
	if id > 0 {
		begin = n.ends[id-1]
	}
	return n.text[begin:n.ends[id]:n.ends[id]]
}

// id returns the number of name, which is new where it was not seen before.
func (n *names) id(name []byte) int32 {
	if 2*len(n.ends) >= len(n.slots) {
		n.grow()
	}
	hash := n.hash(name)
	mask := uint64(len(n.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := n.slots[i]
		if slot == 0 {
			n.append(name, hash)
			n.slots[i] = hash>>32<<32 | uint64(len(n.ends))
			return int32(len(n.ends) - 1)
		}
		if id := int32(uint32(slot)) - 1; slot>>32 == hash>>32 && bytes.Equal(n.bytes(id), name) {
			return id
		}
	}
}

// append gives name the next number.
func (n *names) append(name []byte, hash uint64) {
	n.text = append(n.text, name...)
	n.ends = append(n.ends, len(n.text))
	n.hashes = append(n.hashes, hash)
}

// grow makes a table that is less than half full, or the first one.
func (n *names) grow() {
	size := 64
	for size < 4*len(n.ends) {
		size *= 2
	}
	n.slots = make([]uint64, size)
	mask := uint64(len(n.slots) - 1)
	for id, hash := range n.hashes {
		i := hash & mask
		for n.slots[i] != 0 {
			i = (i + 1) & mask
		}
		n.slots[i] = hash>>32<<32 | uint64(id+1)
	}
}

// clone returns a copy that can take new names; those that are there lie where they lay.
func (n *names) clone() names {
	return names{
		text: slices.Clip(n.text), ends: slices.Clip(n.ends), hashes: slices.Clip(n.hashes),
		slots: slices.Clone(n.slots), seed: n.seed,
	}
}
