package process

import (
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupFiles are where a version of control groups keeps the memory of a group.
type cgroupFiles struct{ mount, usage, limit string }

var (
	cgroup1 = cgroupFiles{"/sys/fs/cgroup/memory", "memory.usage_in_bytes", "memory.limit_in_bytes"}
	cgroup2 = cgroupFiles{"/sys/fs/cgroup", "memory.current", "memory.max"}
)

// noLimit is the least number that means none: version 1 writes a huge one.
const noLimit = 1 << 60

// cgroup is the control group of a process. The zero value is to be found yet.
type cgroup struct {
	usage string  // the file that has it
	limit float64 // the lowest that it or a group above it has
	at    time.Time
}

// groupFor is how long a group that was found is taken for what it was: a process
// seldom moves, and a limit is seldom set.
const groupFor = 30 * time.Second

// memory is what the group uses and may use, of the process whose directory is open.
func (c *cgroup) memory(dir int, now time.Time) (usage, limit float64) {
	if now.Sub(c.at) >= groupFor {
		c.find(dir)
		c.at = now
	}
	return readNumber(c.usage), c.limit
}

func (c *cgroup) find(dir int) {
	*c = cgroup{limit: unknown}
	var buf [1024]byte
	b, err := appendFile(buf[:0], dir, "cgroup")
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

// readNumber is the number in a file; "max", like no file, is not a number.
func readNumber(name string) float64 {
	var buf [64]byte
	b, err := appendFile(buf[:0], unix.AT_FDCWD, name)
	if err != nil {
		return unknown
	}
	v, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return unknown
	}
	return float64(v)
}
