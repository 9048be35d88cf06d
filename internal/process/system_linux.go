package process

import (
	"errors"
	"os"
)

// ReadSystem reads the memory of the machine.
func ReadSystem() (System, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return System{}, err
	}
	total, ok := parseKB(b, "MemTotal")
	available, known := parseKB(b, "MemAvailable")
	if !ok || !known {
		return System{}, errors.New("/proc/meminfo: no MemTotal or MemAvailable; Linux 3.14 or newer is needed")
	}
	return System{Total: total, Available: available}, nil
}
