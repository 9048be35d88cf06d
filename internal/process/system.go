package process

import "github.com/shirou/gopsutil/v3/mem"

// System is the memory of the machine, in bytes.
type System struct {
	Total     uint64 `json:"totalBytes"`
	Available uint64 `json:"availableBytes"`
}

// ReadSystem reads the memory of the machine.
func ReadSystem() (System, error) {
	v, err := mem.VirtualMemory()
	if err != nil {
		return System{}, err
	}
	return System{Total: v.Total, Available: v.Available}, nil
}
