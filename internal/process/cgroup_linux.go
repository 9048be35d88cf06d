package process

import (
	"os"
	"path"
	"strconv"
	"strings"
)

// cgroupFiles are where a version of control groups keeps the memory of a group.
type cgroupFiles struct{ mount, usage, limit string }

var (
	cgroup1 = cgroupFiles{"/sys/fs/cgroup/memory", "memory.usage_in_bytes", "memory.limit_in_bytes"}
	cgroup2 = cgroupFiles{"/sys/fs/cgroup", "memory.current", "memory.max"}
)

// noLimit is the least number that means none: version 1 writes a huge one.
const noLimit = 1 << 60

// cgroupMemory is what the control group of a process uses, and the lowest
// limit that it or a group above it has.
func cgroupMemory(dir string) (usage, limit float64) {
	b, err := os.ReadFile(dir + "/cgroup")
	if err != nil {
		return unknown, unknown
	}
	files, group := parseCgroup(string(b))
	// In a container the path may be the host's, while the mount is the group itself.
	if _, err := os.Stat(path.Join(files.mount, group, files.usage)); err != nil {
		group = "/"
	}
	usage = readNumber(path.Join(files.mount, group, files.usage))
	limit = unknown
	for {
		if v := readNumber(path.Join(files.mount, group, files.limit)); v < noLimit && !(v >= limit) {
			limit = v
		}
		if group == "/" || group == "." {
			return usage, limit
		}
		group = path.Dir(group)
	}
}

// parseCgroup finds the memory group in /proc/<pid>/cgroup: in a hierarchy of
// version 1 that has the memory controller, else in that of version 2.
func parseCgroup(text string) (files cgroupFiles, group string) {
	files, group = cgroup2, "/"
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) < 3 {
			continue
		}
		where := path.Clean("/" + parts[2]) // never above the mount
		for controller := range strings.SplitSeq(parts[1], ",") {
			if controller == "memory" {
				return cgroup1, where
			}
		}
		if parts[0] == "0" && parts[1] == "" {
			group = where
		}
	}
	return files, group
}

// readNumber is the number in a file; "max", like no file, is not a number.
func readNumber(name string) float64 {
	b, err := os.ReadFile(name)
	if err != nil {
		return unknown
	}
	v, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return unknown
	}
	return float64(v)
}
