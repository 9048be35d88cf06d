package process

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ReadSystem reads the memory of the machine.
func ReadSystem() (System, error) {
	var buf [2048]byte
	b, err := appendFile(buf[:0], unix.AT_FDCWD, "/proc/meminfo")
	if err != nil {
		return System{}, err
	}
	total, ok := parseKB(b, "MemTotal")
	available, known := parseKB(b, "MemAvailable")
	if !ok || !known {
		return System{}, errors.New("/proc/meminfo: no MemTotal and MemAvailable; they are there since Linux 3.14")
	}
	return System{Total: total, Available: available}, nil
}
