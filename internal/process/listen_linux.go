package process

import (
	"fmt"
	"os"
	"path"
	"slices"
)

// listenerOn returns the PID of the process that listens on a TCP port, 0 if none is
// found. It looks for the inode of the socket among the open files of each process, the
// youngest first, and stops at the first: a server under test was started lately.
func listenerOn(port int) (int, error) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, err
	}
	table6, _ := os.ReadFile("/proc/net/tcp6") // absent where IPv6 is off
	sockets := map[string]bool{}
	for inode, p := range listenersIn(append(table, table6...)) {
		if p == port {
			sockets["socket:["+inode+"]"] = true
		}
	}
	if len(sockets) == 0 {
		return 0, nil
	}
	pids, err := allPIDs()
	slices.Sort(pids)
	for _, pid := range slices.Backward(pids) {
		if holds(pid, sockets) {
			return eldest(pid, sockets), nil
		}
	}
	return 0, err
}

// eldest returns the oldest of a process and its ancestors that hold one of sockets
// without a gap: workers have the socket of the process that started them.
func eldest(pid int, sockets map[string]bool) int {
	for {
		s, err := readStat(pid)
		if err != nil || s.parent <= 0 || !holds(s.parent, sockets) {
			return pid
		}
		pid = s.parent
	}
}

// holds reports whether a process has one of the sockets open, as far as it is readable.
func holds(pid int, sockets map[string]bool) bool {
	files := procDir(pid) + "/fd"
	dir, err := os.Open(files)
	if err != nil {
		return false
	}
	defer dir.Close() //nolint:errcheck // only read
	names, _ := dir.Readdirnames(-1)
	return slices.ContainsFunc(names, func(name string) bool {
		link, _ := os.Readlink(path.Join(files, name)) // empty when it was closed meanwhile
		return sockets[link]
	})
}

// Ports returns the TCP ports on which a process listens.
func Ports(pid int) ([]int, error) {
	p, err := open(pid)
	if err != nil {
		return nil, fmt.Errorf("listing the connections of process %d: %w", pid, err)
	}
	defer p.close()
	own := map[string]bool{}
	if err := p.sockets(own); err != nil {
		return nil, fmt.Errorf("listing the connections of process %d: %w", pid, err)
	}
	if len(own) == 0 {
		return nil, nil
	}
	var ports []int
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		b, _ := p.dir.ReadFile(table) // absent where IPv6 is off
		for inode, port := range listenersIn(b) {
			if own[inode] {
				ports = append(ports, port)
			}
		}
	}
	return ports, nil
}
