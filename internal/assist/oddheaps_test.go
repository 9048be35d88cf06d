package assist

import (
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/heap/heaptest"
)

// Odd and damaged heaps are compared, or refused with the reason.
func TestOddHeaps(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, c := range heaptest.Cases() {
		files[c.Name] = string(c.Data)
	}
	s := newSession(t, Config{Root: newRoot(t, files)})
	for _, c := range heaptest.Cases() {
		a := use(t, s, "heap_diff", map[string]any{"before": c.Name, "after": c.Name, "operations": 100})
		want, refused := strings.CutPrefix(c.Heap, "!")
		switch {
		case refused && (!a.failed || !strings.Contains(a.text, want) || !strings.Contains(a.text, c.Name)):
			t.Errorf("%s: %s, want %s", c.Name, a.text, want)
		case !refused && (a.failed || a.doc["verdict"] != "steady"):
			t.Errorf("%s: %s", c.Name, a.text)
		}
	}
}
