package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Find lists the processes that name means: those that have it in their
// process name, their executable or an argument, whatever the case. Every Python
// or Node server is called "python" or "node", so the arguments decide. This
// process and its ancestors are left out (they carry the name in their own
// arguments), and so is a process with an ancestor that matches: a worker
// belongs to its server.
func Find(name string) ([]Info, error) {
	all, err := list()
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	return match(all, name, os.Getpid()), nil
}

func match(all []Info, name string, self int) []Info {
	parents := make(map[int]int, len(all))
	hit := map[int]bool{}
	for _, p := range all {
		parents[p.PID] = p.Parent
		hit[p.PID] = p.mentions(name)
	}
	for _, pid := range append(ancestors(parents, self), self) {
		hit[pid] = false
	}
	var found []Info
	for _, p := range all {
		if hit[p.PID] && !anyOf(hit, ancestors(parents, p.PID)) {
			found = append(found, p)
		}
	}
	return found
}

func (i Info) mentions(name string) bool {
	name = strings.ToLower(name)
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), name) }
	return has(i.Name) || has(filepath.Base(i.Exe)) || has(strings.Join(i.Args, " "))
}

// ancestors lists the parent of pid, its parent and so on. The table is read
// while processes come and go, so it may hold a circle.
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

func anyOf(hit map[int]bool, pids []int) bool {
	for _, pid := range pids {
		if hit[pid] {
			return true
		}
	}
	return false
}
