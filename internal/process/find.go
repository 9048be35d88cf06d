package process

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Find lists the processes that have name in their process name, their executable
// or an argument, in any case: every Python or Node server is called "python" or
// "node", so the arguments decide. These are left out: this process and its
// ancestors, which have the name in their own arguments; an mcpdiag that watches or
// wraps the server; and a process below one that matches: a worker belongs to
// its server.
func Find(name string) ([]Info, error) {
	all, err := list()
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	return match(all, name, os.Getpid()), nil
}

func match(all []Info, name string, self int) []Info {
	parents := make(map[int]int, len(all))
	matches := map[int]bool{}
	for _, p := range all {
		parents[p.PID] = p.Parent
		matches[p.PID] = p.mentions(name) && !p.isWatcher()
	}
	for _, pid := range append(ancestors(parents, self), self) {
		matches[pid] = false
	}
	var found []Info
	for _, p := range all {
		if matches[p.PID] && !anyOf(matches, ancestors(parents, p.PID)) {
			found = append(found, p)
		}
	}
	return found
}

// isWatcher reports whether the process is an mcpdiag that names another process on its
// command line. The demo server is none.
func (i Info) isWatcher() bool {
	if len(i.Args) > 0 && i.Args[0] == WatchdogName {
		return true
	}
	program := strings.TrimSuffix(filepath.Base(cmp.Or(i.Exe, i.Name)), ".exe")
	return program == "mcpdiag" && !slices.Contains(i.Args, "demo")
}

func (i Info) mentions(name string) bool {
	name = strings.ToLower(name)
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), name) }
	return has(i.Name) || has(filepath.Base(i.Exe)) || has(strings.Join(i.Args, " "))
}

// ancestors lists the parent of pid, the parent of that and so on. The table was
// read while processes came and went, so it may hold a cycle.
func ancestors(parents map[int]int, pid int) []int {
	var line []int
	start := pid
	for range parents {
		parent, ok := parents[pid]
		if !ok || parent == 0 || parent == pid || parent == start {
			break
		}
		line, pid = append(line, parent), parent
	}
	return line
}

func anyOf(matches map[int]bool, pids []int) bool {
	for _, pid := range pids {
		if matches[pid] {
			return true
		}
	}
	return false
}
