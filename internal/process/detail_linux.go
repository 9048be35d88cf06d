package process

import (
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

func (t *Tree) counts(d *Detail) map[ID]time.Duration {
	d.Threads, d.Files = 0, 0
	used := make(map[ID]time.Duration, len(t.members))
	for _, p := range t.members {
		s, err := p.stat()
		if err != nil || s.ended() {
			continue // it ended since the reading
		}
		used[p.id] = time.Duration(s.cpu) * (time.Second / ticksPerSecond)
		d.Threads += float64(s.threads)
		d.addFiles(p)
	}
	d.Group, d.GroupLimit = t.root.group.memory(t.root.fd(), time.Now())
	return used
}

// addFiles counts the open files. Since Linux 6.2 the size of their directory is their number.
func (d *Detail) addFiles(p *proc) {
	var s unix.Stat_t
	if err := unix.Fstatat(p.fd(), "fd", &s, 0); err == nil && s.Size > 0 {
		d.Files += float64(s.Size)
		return
	}
	names, err := namesAt(p.fd(), "fd")
	if err != nil && p.ended() {
		return // since the reading
	}
	if d.refused(err) {
		d.Files = unknown
	}
	d.Files += float64(len(names))
}

func (d *Detail) refused(err error) bool {
	d.Denied = d.Denied || errors.Is(err, fs.ErrPermission)
	return err != nil
}
