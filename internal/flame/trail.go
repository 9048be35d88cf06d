package flame

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// A trail is the way of the last stack through the tree. The next one mostly
// begins with the same frames, and goes on from where the two part.
type trail struct {
	text  []byte // not ours, until keep
	steps []step
	kept  []byte
}

// keep makes a copy of the text, which is about to change.
func (t *trail) keep() {
	t.kept = append(t.kept[:0], t.text...)
	t.text = t.kept
}

// A step is a node, and where in the text the frames after it begin. It stays
// right when the tree grows, for a node is always the same frame.
type step struct {
	next int
	at   int32
}

// insertText is insert of a stack that begins at the root and whose frames are
// apart by ";". Most of a stack has come before: the text is held against the
// names in the tree, and gets numbers only where the tree ends. The stack must
// not change before the next one comes, or keep is called on the trail.
func (b *builder) insertText(stack []byte) int32 {
	b.index()
	at, next := b.last.resume(stack)
	for next <= len(stack) {
		end := frameEnd(stack, next)
		e := b.findText(at, stack[next:end])
		if e.child == 0 {
			at, next = b.add(at, b.ids(stack[next:])), len(stack)+1
		} else {
			at, next = b.follow(e, stack, end+1)
		}
		b.last.steps = append(b.last.steps, step{next, at})
	}
	return at
}

// follow returns the end of the chain that e leads to, or of the part of it
// that the stack goes through. The frames after its first begin at next.
func (b *builder) follow(e *edge, stack []byte, next int) (at int32, _ int) {
	if e.count == 1 {
		return e.child, next
	}
	for i, name := range b.frames[e.first+1 : e.first+uint32(e.count)] {
		text := b.names.bytes(name)
		end := next + len(text)
		if end > len(stack) || end < len(stack) && stack[end] != ';' || !bytes.Equal(stack[next:end], text) {
			return b.split(e, int32(i+1)), next
		}
		next = end + 1
	}
	return e.child, next
}

// resume goes back to the last node that the stack shares with the one before,
// and returns it and where the frames after it begin.
func (t *trail) resume(stack []byte) (at int32, next int) {
	same := common(t.text, stack)
	t.text = stack
	for len(t.steps) > 0 {
		last := t.steps[len(t.steps)-1]
		if end := last.next - 1; end < same || end == same && (end == len(stack) || stack[end] == ';') {
			return last.at, last.next
		}
		t.steps = t.steps[:len(t.steps)-1]
	}
	return root, 0
}

// frameEnd returns the end of the frame that begins at begin.
func frameEnd(stack []byte, begin int) int {
	if n := bytes.IndexByte(stack[begin:], ';'); n >= 0 {
		return begin + n
	}
	return len(stack)
}

// common returns the number of bytes that a and b begin with alike.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if differ := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); differ != 0 {
			return i + bits.TrailingZeros64(differ)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
