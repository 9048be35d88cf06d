package leaktest

import (
	"os"
	"strconv"
	"strings"
)

// fileLimit returns the soft limit of open files of a process, 0 if unknown.
func fileLimit(pid int) float64 {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				limit, _ := strconv.ParseFloat(fields[0], 64) // "unlimited" is 0
				return limit
			}
		}
	}
	return 0
}

// outOfMemoryKills returns how many processes the kernel has killed because memory
// ran out, of the machine or of a control group.
func outOfMemoryKills() uint64 {
	data, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(count), 10, 64)
			return n
		}
	}
	return 0
}
