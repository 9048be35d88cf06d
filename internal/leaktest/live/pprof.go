package live

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// goRuntime is a process of Go with a page of pprof: its text form ends with the
// memory statistics, among them the exact size of the heap and of the stacks.
type goRuntime struct {
	pid int // 0 if unknown
	get Pages
	growth
}

// Pages gets a page of pprof, such as "heap".
type Pages func(ctx context.Context, page string, query url.Values) ([]byte, error)

// PagesBeside returns the pages beside that of the heap profile at an address.
func PagesBeside(c *client.Client, heap *url.URL) Pages {
	return func(ctx context.Context, page string, query url.Values) ([]byte, error) {
		target := *heap
		target.Path = path.Join(path.Dir(heap.Path), page)
		target.RawQuery = query.Encode()
		resp, err := c.Get(ctx, target.String())
		if err != nil {
			return nil, fmt.Errorf("GET %s: %w", client.RedactURL(&target), err)
		}
		return resp.Body, nil
	}
}

// The statistics that are read. The heap does not contain the stacks of goroutines.
var (
	heapAlloc = regexp.MustCompile(`(?m)^# HeapAlloc = (\d{1,18})$`)
	stackUse  = regexp.MustCompile(`(?m)^# Stack = (\d{1,18}) / \d+$`)
)

// live asks twice: the contents of sync.Pool are released by the second collection.
func (g *goRuntime) live(ctx context.Context) (bytes int64, err error) {
	for range 2 {
		page, err := g.get(ctx, "heap", url.Values{"gc": {"1"}, "debug": {"1"}})
		if err != nil {
			return 0, err
		}
		if bytes, err = parseLive(page); err != nil {
			return 0, err
		}
	}
	return bytes, nil
}

// parseLive returns the size of the heap and of the stacks in the text form of a heap profile.
func parseLive(page []byte) (bytes int64, err error) {
	for _, statistic := range []*regexp.Regexp{heapAlloc, stackUse} {
		found := statistic.FindSubmatch(page)
		if found == nil {
			return 0, errors.New("the page has no memory statistics of Go; want that of /debug/pprof/heap with debug=1")
		}
		n, err := strconv.ParseInt(string(found[1]), 10, 64)
		if err != nil {
			return 0, err
		}
		bytes += n
	}
	return bytes, nil
}

func (g *goRuntime) close(context.Context) error { return nil }

// ended reports false: that the process has ended shows when its page is read.
func (g *goRuntime) ended() bool { return false }

func (g *goRuntime) name() string {
	if g.pid == 0 {
		return "the server"
	}
	return fmt.Sprintf("process %d", g.pid)
}

func (g *goRuntime) describe() string { return g.name() + " by its pprof page" }

// IsGo reports whether a process runs a program of Go. In a container, and after an upgrade
// has deleted it, the program has no path on this machine but that of the process.
func IsGo(info *process.Info) bool {
	return slices.ContainsFunc([]string{fmt.Sprintf("/proc/%d/exe", info.PID), info.Exe}, func(program string) bool {
		_, err := buildinfo.ReadFile(program)
		return err == nil
	})
}
