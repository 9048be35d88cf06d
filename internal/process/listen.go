package process

import (
	"fmt"
	"slices"

	"github.com/shirou/gopsutil/v3/net"
)

// Listening returns the process that listens on a TCP port of this machine. It
// finds the processes of this user, and as root all.
func Listening(port int) (Info, error) {
	conns, err := net.Connections("tcp")
	if err != nil {
		return Info{}, fmt.Errorf("listing connections: %w", err)
	}
	for _, c := range conns {
		if c.Status == "LISTEN" && int(c.Laddr.Port) == port && c.Pid > 0 {
			return Lookup(int(c.Pid))
		}
	}
	return Info{}, fmt.Errorf("finding the process that listens on port %d: %w; another user's is found as root only", port, ErrNoMatch)
}

// Ports returns the TCP ports on which a process listens.
func Ports(pid int) ([]int, error) {
	conns, err := net.ConnectionsPid("tcp", int32(pid)) //nolint:gosec // PIDs have 22 bits
	if err != nil {
		return nil, fmt.Errorf("listing the connections of process %d: %w", pid, err)
	}
	var ports []int
	for _, c := range conns {
		if c.Status == "LISTEN" {
			ports = append(ports, int(c.Laddr.Port))
		}
	}
	return ports, nil
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
