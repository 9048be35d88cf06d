package leaktest

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Lazy is the code of the reason that a collector may not have looked yet.
const Lazy = "lazy-heap"

// lazyHeap is how much of what was thrown away a process of Node may hold, in MB: without
// a limit for its heap V8 first collects the old generation when that has grown by up to
// 512 MB (kMaxInitialOldGenerationSize in its heap.h, twice 256 MB on 64 bits). A healthy server
// whose cache fills went from 74 to 301 MB until it was collected, and fell to 157 then.
const lazyHeap = 512

// lazyOf is how much the processes of the server may grow without keeping
// anything, in MB, where it holds so much now; 0 where the collector is known to run before
// that. Go's collector runs when the heap has doubled (GOGC is 100 unless it is
// set), so a server that holds much already may hold as much again.
func lazyOf(s *server, cfg *Config) float64 {
	if cfg.GCSignal != "" || cfg.GCURL != nil {
		return 0
	}
	calm := cfg.Stabilize || limitsHeap(os.Getenv("NODE_OPTIONS"))
	lazy := 0.0
	for _, id := range s.tree.Members() {
		info, err := process.Lookup(id.PID)
		switch {
		case err != nil:
		case isNode(&info) && !calm && !slices.ContainsFunc(info.Args, limitsHeap):
			lazy += lazyHeap
		case isGo(&info):
			lazy += s.memory()
		}
	}
	return lazy
}

// isGo reports whether the program was built by Go.
func isGo(info *process.Info) bool {
	if info.Exe == "" {
		return false
	}
	_, err := buildinfo.ReadFile(info.Exe)
	return err == nil
}

func isNode(info *process.Info) bool {
	name := filepath.Base(info.Exe)
	if info.Exe == "" {
		name = info.Name
	}
	return strings.TrimSuffix(name, ".exe") == "node"
}

func limitsHeap(option string) bool {
	return strings.Contains(strings.ReplaceAll(option, "_", "-"), "--max-old-space-size")
}

// judgeLazy takes back a leak that the memory alone tells of, where it may be what
// a collector has not looked at yet.
func (p *Phase) judgeLazy() {
	if p.Trend.Verdict != trend.Leak || p.By != ByRSS || p.grown() > p.lazy {
		return
	}
	p.Trend.Verdict = trend.Undecided
	p.Trend.Reasons = append([]trend.Reason{{Code: Lazy, Text: fmt.Sprintf(
		"it grows like a leak, but the collector may leave %s of what was thrown away until it runs, and it grew %s; "+
			"--stabilize, for a Node server that mcpdiag starts, and --gc-url or --gc-signal make it run earlier",
		Bytes(p.lazy*mib), Bytes(p.grown()*mib))}}, p.Trend.Reasons...)
}

// grown is how much more the server holds than before the load, in MB.
func (p *Phase) grown() float64 { return p.Rounds[len(p.Rounds)-1].TreeMB - p.Rounds[0].TreeMB }

// waits reports whether all that keeps p from a verdict is a collector that may not have looked.
func (p *Phase) waits() bool {
	return p.Trend.Verdict == trend.Undecided && len(p.Trend.Reasons) > 0 && p.Trend.Reasons[0].Code == Lazy
}
