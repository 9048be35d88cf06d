package process

import (
	"math"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
)

// cgroupFiles names the files of one version of control groups.
type cgroupFiles struct{ mount, usage, limit string }

var (
	cgroup1 = cgroupFiles{"/sys/fs/cgroup/memory", "memory.usage_in_bytes", "memory.limit_in_bytes"}
	cgroup2 = cgroupFiles{"/sys/fs/cgroup", "memory.current", "memory.max"}
)

// noLimit is the smallest number that means no limit: version 1 writes a huge one.
const noLimit = 1 << 60

// cgroup is the control group of a process. It is found when it is first read.
type cgroup struct {
	usage string  // file of its usage
	limit float64 // the lowest limit of it and the groups above it
	at    time.Time
}

// cgroupTTL is how long a control group and its limit are cached.
const cgroupTTL = 30 * time.Second

// memory returns the usage and the limit of the control group of a process.
func (c *cgroup) memory(dir *os.Root, now time.Time) (usage, limit float64) {
	if now.Sub(c.at) >= cgroupTTL {
		c.find(dir)
		c.at = now
	}
	return readNumber(c.usage), c.limit
}

func (c *cgroup) find(dir *os.Root) {
	*c = cgroup{limit: unknown}
	b, err := dir.ReadFile("cgroup")
	if err != nil {
		return
	}
	files, group := parseCgroup(string(b))
	// In a container the path may be the host's, while the mount is the group itself.
	if math.IsNaN(readNumber(path.Join(files.mount, group, files.usage))) {
		group = "/"
	}
	c.usage = path.Join(files.mount, group, files.usage)
	for {
		if v := readNumber(path.Join(files.mount, group, files.limit)); v < noLimit && !(v >= c.limit) {
			c.limit = v
		}
		if group == "/" || group == "." {
			return
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

// readNumber returns the number in a file, NaN for "max" and for a missing file.
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
