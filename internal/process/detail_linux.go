package process

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"strings"
	"time"
)

func (t *Tree) detail() (Detail, map[ID]time.Duration) {
	d := NoDetail()
	d.PSS, d.USS, d.Swap, d.Threads, d.Files, d.Sockets = 0, 0, 0, 0, 0, 0
	used := make(map[ID]time.Duration, len(t.members))
	var inodes []string
	for _, p := range t.members {
		s, err := readStat(p.id.PID)
		if err != nil || s.start != p.id.Start || s.ended() {
			continue // it ended since the reading
		}
		used[p.id] = time.Duration(s.cpu) * (time.Second / ticksPerSecond)
		d.Threads += float64(s.threads)
		d.addMemory(p)
		inodes = d.addFiles(p, inodes)
	}
	d.addSockets(t.root, inodes)
	d.Group, d.GroupLimit = cgroupMemory(t.root.dir)
	return d, used
}

func (d *Detail) addMemory(p *proc) {
	b, err := os.ReadFile(p.dir + "/smaps_rollup")
	if d.refused(err) || len(b) == 0 {
		d.PSS, d.USS, d.Swap = unknown, unknown, unknown
		return
	}
	kb := func(key string) float64 {
		if v, ok := parseKB(b, key); ok {
			return float64(v)
		}
		return unknown
	}
	d.PSS += kb("Pss")
	d.USS += kb("Private_Clean") + kb("Private_Dirty")
	d.Swap += kb("Swap")
}

// addFiles counts the open files, and appends the inodes of the sockets.
func (d *Detail) addFiles(p *proc, inodes []string) []string {
	dir, err := os.Open(p.dir + "/fd")
	if d.refused(err) {
		d.Files, d.Sockets = unknown, unknown
		return inodes
	}
	defer dir.Close() //nolint:errcheck // only read
	names, err := dir.Readdirnames(-1)
	if d.refused(err) {
		d.Files, d.Sockets = unknown, unknown
		return inodes
	}
	d.Files += float64(len(names))
	for _, name := range names {
		target, err := os.Readlink(p.dir + "/fd/" + name)
		if inode, ok := strings.CutPrefix(target, "socket:["); ok && err == nil {
			inodes = append(inodes, strings.TrimSuffix(inode, "]"))
		}
	}
	return inodes
}

func (d *Detail) refused(err error) bool {
	d.Denied = d.Denied || errors.Is(err, fs.ErrPermission)
	return err != nil
}

// addSockets counts the sockets by state. A socket that several processes share counts once.
func (d *Detail) addSockets(root *proc, inodes []string) {
	if math.IsNaN(d.Sockets) {
		return
	}
	own := make(map[string]bool, len(inodes))
	for _, inode := range inodes {
		own[inode] = true
	}
	d.Sockets = float64(len(own))
	states := map[byte]float64{}
	for _, table := range []string{"/net/tcp", "/net/tcp6"} {
		b, err := os.ReadFile(root.dir + table)
		if err != nil && table == "/net/tcp" {
			return
		}
		countStates(b, own, states)
	}
	d.Established, d.CloseWait, d.Listen = states[tcpEstablished], states[tcpCloseWait], states[tcpListen]
}
