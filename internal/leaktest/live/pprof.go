package live

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// goRuntime is a process of Go with a page of pprof: its text form ends with the
// memory statistics, among them the exact size of the heap.
type goRuntime struct {
	pid int
	get func(ctx context.Context, text bool) ([]byte, error)
	growth
}

var heapAlloc = regexp.MustCompile(`(?m)^# HeapAlloc = (\d{1,18})$`)

// live asks twice: the contents of sync.Pool are released by the second collection.
func (g *goRuntime) live(ctx context.Context) (bytes int64, err error) {
	for range 2 {
		page, err := g.get(ctx, true)
		if err != nil {
			return 0, err
		}
		if bytes, err = parseHeapAlloc(page); err != nil {
			return 0, err
		}
	}
	return bytes, nil
}

// parseHeapAlloc returns the size of the heap in the text form of a heap profile.
func parseHeapAlloc(page []byte) (int64, error) {
	found := heapAlloc.FindSubmatch(page)
	if found == nil {
		return 0, errors.New("the page has no memory statistics of Go; want that of /debug/pprof/heap with debug=1")
	}
	return strconv.ParseInt(string(found[1]), 10, 64)
}

func (g *goRuntime) close(context.Context) error { return nil }

func (g *goRuntime) describe() string { return fmt.Sprintf("process %d by its pprof page", g.pid) }

func isGo(info *process.Info) bool {
	if info.Exe == "" {
		return false
	}
	_, err := buildinfo.ReadFile(info.Exe)
	return err == nil
}
