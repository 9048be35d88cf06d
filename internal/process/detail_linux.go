package process

import (
	"errors"
	"io/fs"
	"time"
)

func (t *Tree) counts(d *Detail) map[ID]time.Duration {
	d.Threads, d.Files = 0, 0
	used := make(map[ID]time.Duration, len(t.members))
	for _, p := range t.members {
		s, err := p.stat()
		if err != nil || s.ended() {
			continue // it has ended
		}
		used[p.id] = time.Duration(s.cpu) * (time.Second / ticksPerSecond)
		d.Threads += float64(s.threads)
		d.addFiles(p)
	}
	d.Group, d.GroupLimit = t.root.group.memory(t.root.dir, time.Now())
	return used
}

// addFiles counts the open files. Since Linux 6.2 they are the size of their directory.
func (d *Detail) addFiles(p *proc) {
	if info, err := p.dir.Stat("fd"); err == nil && info.Size() > 0 {
		d.Files += float64(info.Size())
		return
	}
	names, err := openFiles(p)
	if err != nil && p.ended() {
		return
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
