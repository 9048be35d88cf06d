package process

import (
	"fmt"
	"slices"
)

// Listening returns the process that listens on a TCP port of this machine. It
// finds the processes of this user, and as root all.
func Listening(port int) (Info, error) {
	pid, err := listenerOn(port)
	if err != nil {
		return Info{}, fmt.Errorf("listing connections: %w", err)
	}
	if pid == 0 {
		return Info{}, fmt.Errorf("finding the process that listens on port %d: %w; another user's is found as root only", port, ErrNoMatch)
	}
	return Lookup(pid)
}

// TreePorts returns the TCP ports on which a process and its descendants listen. Of
// processes that end meanwhile it returns none.
func TreePorts(id ID) []int {
	members, err := Family(id)
	if err != nil {
		return nil
	}
	var all []int
	for _, member := range members {
		if ports, err := Ports(member.PID); err == nil {
			all = append(all, ports...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all) // one may listen on IPv4 and IPv6
}
