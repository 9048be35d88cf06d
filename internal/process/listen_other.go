//go:build !linux

package process

import (
	"fmt"

	"github.com/shirou/gopsutil/v3/net"
)

// listenerOn returns the PID of the process that listens on a TCP port, 0 if none is found.
func listenerOn(port int) (int, error) {
	conns, err := net.Connections("tcp")
	if err != nil {
		return 0, err
	}
	for _, c := range conns {
		if c.Status == "LISTEN" && int(c.Laddr.Port) == port && c.Pid > 0 {
			return int(c.Pid), nil
		}
	}
	return 0, nil
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
	if len(conns) == 0 { // gopsutil has no error for a process that does not exist
		if _, err := open(pid); err != nil {
			return nil, fmt.Errorf("listing the connections of process %d: %w", pid, err)
		}
	}
	return ports, nil
}
