package flame

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever came before, a stack ends at the node of its own frames, and at the same one each time.
func TestInsertTextAfterOthers(t *testing.T) {
	stacks := []string{
		"a", "a;b", "a;b;c;d;e", "a;b;c;d", "a;b;c;dd", "a;bc", "a;b;", "a;;b", ";", "", "a;b;c;d;e;f", "ab", "a;b;c",
		"long name;of many bytes;that go on", "long name;of many bytes;that go off", "long name;of many bytes",
	}
	b, nodes := newBuilder(), map[string]int32{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		stack := stacks[random.IntN(len(stacks))]
		n := b.insertText([]byte(stack))
		if diff := cmp.Diff(strings.Split(stack, ";"), b.path(n)); diff != "" {
			t.Fatalf("path of %q (-want +got):\n%s", stack, diff)
		}
		if before, ok := nodes[stack]; ok && before != n {
			t.Fatalf("%q is node %d, and was %d", stack, n, before)
		}
		nodes[stack] = n
	}
}

func TestCommon(t *testing.T) {
	text := []byte("0123456789abcdefghij")
	for n := range text {
		other := append([]byte(nil), text...)
		other[n] = '!'
		if got := common(text, other); got != n {
			t.Errorf("common of what differs at %d = %d", n, got)
		}
		if got := common(text[:n], text); got != n {
			t.Errorf("common of the first %d bytes = %d", n, got)
		}
	}
}
