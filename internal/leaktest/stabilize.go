package leaktest

import (
	"fmt"
	"os"
	"strings"
)

const leastHeap = 256 * mib

// heapLimit is twice what the server holds after its start: a cap that is too
// low would kill it.
func heapLimit(s *server) int64 {
	m, err := s.tree.Read()
	if err != nil {
		return leastHeap
	}
	return max(leastHeap, 2*int64(m.Self.RSS))
}

// calmHeap is an environment in which the heaps of Node and of glibc hold less
// that nobody needs: without it the memory of a healthy Node server wanders by
// 7 to 18 MB from round to round, with it by 0.4 MB.
func calmHeap(limit int64) []string {
	node := fmt.Sprintf("--max-old-space-size=%d --max-semi-space-size=1", limit/mib)
	if was := os.Getenv("NODE_OPTIONS"); was != "" {
		node = was + " " + node
	}
	return []string{"NODE_OPTIONS=" + strings.TrimSpace(node), "MALLOC_ARENA_MAX=2"}
}
