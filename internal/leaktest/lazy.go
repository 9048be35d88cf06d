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
// a limit for its heap V8 first collects the old generation when that holds up to
// 512 MB (kMaxInitialOldGenerationSize in its heap.h, twice 256 MB on 64 bits), and the young one
// takes up to three semi-spaces of 16 MB. A healthy server whose cache fills went from 74 to
// 301 MB until it was collected, and fell to 157 then.
const lazyHeap = 512 + 3*16

// collectors are the processes of a server whose collectors may leave lying what was
// thrown away.
type collectors []collector

type collector struct {
	id    process.ID
	hadMB float64 // after the warm-up
	mayMB float64 // more, before it runs
}

// collectorsOf finds the lazy ones among the processes of the server. Where the
// collector is known to run in time there are none. Go's runs when the heap has
// doubled (GOGC is 100 unless it is set), so one that holds much already may hold as
// much again.
func collectorsOf(s *server, cfg *Config) collectors {
	if cfg.GCSignal != "" || cfg.GCURL != nil {
		return nil
	}
	calm := cfg.Stabilize || limitsHeap(os.Getenv("NODE_OPTIONS"))
	var all collectors
	for _, id := range s.tree.Members() {
		info, err := process.Lookup(id.PID)
		had := rssOf(id)
		switch {
		case err != nil:
		case isNode(&info) && !calm && !slices.ContainsFunc(info.Args, limitsHeap):
			all = append(all, collector{id, had, lazyHeap})
		case isGo(&info):
			all = append(all, collector{id, had, had})
		}
	}
	return all
}

// mayMB is how much all of them together may leave lying.
func (c collectors) mayMB() float64 {
	all := 0.0
	for _, one := range c {
		all += one.mayMB
	}
	return all
}

// beyond reports whether one of them holds more than it may leave lying: of a server of
// several processes mostly one grows.
func (c collectors) beyond() bool {
	return slices.ContainsFunc(c, func(one collector) bool { return rssOf(one.id)-one.hadMB > one.mayMB })
}

// rssOf is what the process holds now, in MB; 0 when it has ended.
func rssOf(id process.ID) float64 {
	tree, err := process.Open(id)
	if err != nil {
		return 0
	}
	defer tree.Close()
	m, err := tree.Read()
	if err != nil {
		return 0
	}
	return float64(m.Self.RSS) / mib
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

// judgeLazy takes back a leak that memory tells of, RSS or heap, where it may be what
// a collector has not looked at yet.
func (p *Phase) judgeLazy() {
	if p.Trend.Verdict != trend.Leak || p.beyond || p.grown() > p.lazy {
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
