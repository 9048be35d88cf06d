//go:build !linux

package process

import "github.com/shirou/gopsutil/v3/mem"

// ReadSystem reads the memory of the machine.
func ReadSystem() (System, error) {
	v, err := mem.VirtualMemory()
	if err != nil {
		return System{}, err
	}
	return System{Total: v.Total, Available: v.Available}, nil
}
