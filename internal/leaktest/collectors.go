package leaktest

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// lazyHeap is how much garbage a process of Node may hold, in MB. Without a heap
// limit V8 first collects the old generation at up to 512 MB
// (kMaxInitialOldGenerationSize in its heap.h, twice 256 MB on 64 bits), and the
// young generation takes up to three semi-spaces of 16 MB. A healthy server whose
// cache filled went from 74 to 301 MB until it was collected, then fell to 157 MB.
const lazyHeap = 512 + 3*16

// collectors are the processes of a server that may hold garbage for long.
type collectors []collector

type collector struct {
	id    process.ID
	hadMB float64 // after the warm-up
	mayMB float64 // garbage on top of it, before the collector runs
}

// collectorsOf returns the processes of the server with lazy collectors. There are
// none if the collector is known to run in time. Go's runs when the heap has doubled
// (GOGC is 100 by default), so a process may hold as much garbage as live data. That of a
// JVM may wait until the heap is full.
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
		case live.IsNode(&info) && !calm && !slices.ContainsFunc(info.Args, limitsHeap):
			all = append(all, collector{id, had, lazyHeap})
		case live.IsGo(&info):
			all = append(all, collector{id, had, had})
		case heap.IsJVM(&info):
			all = append(all, collector{id, had, javaHeap(info.Args)})
		}
	}
	return all
}

var maxHeap = regexp.MustCompile(`^-Xmx(\d{1,9})([kmgtKMGT]?)$`)

// javaHeap returns the largest heap of a JVM in MB: by default a quarter of the memory.
func javaHeap(args []string) float64 {
	limit := 0.0
	if system, err := process.ReadSystem(); err == nil {
		limit = float64(system.Total) / 4 / mib
	}
	units := map[string]float64{"": 1. / mib, "k": 1. / 1024, "m": 1, "g": 1024, "t": mib}
	for _, arg := range args {
		if found := maxHeap.FindStringSubmatch(arg); found != nil {
			n, _ := strconv.ParseFloat(found[1], 64) // digits
			limit = n * units[strings.ToLower(found[2])]
		}
	}
	return limit
}

// mayMB returns how much garbage all of them together may hold.
func (c collectors) mayMB() float64 {
	all := 0.0
	for _, one := range c {
		all += one.mayMB
	}
	return all
}

// beyond reports whether one of them grew by more than its garbage can explain: in a
// server of several processes usually one grows.
func (c collectors) beyond() bool {
	return slices.ContainsFunc(c, func(one collector) bool { return rssOf(one.id)-one.hadMB > one.mayMB })
}

// rssOf returns the RSS of a process in MB, 0 after its end.
func rssOf(id process.ID) float64 { return float64(id.Resident()) / mib }

func limitsHeap(option string) bool {
	return strings.Contains(strings.ReplaceAll(option, "_", "-"), "--max-old-space-size")
}
