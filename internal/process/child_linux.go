package process

import (
	"bytes"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// adoptOrphans makes this process the one to which descendants are handed whose
// parents end: a server that puts itself in the background stays in sight.
var adoptOrphans = sync.OnceFunc(func() {
	// Where the kernel refuses, orphans go to init, and those that were seen before are known.
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
})

// endWithUs has the child killed when this process is, even by SIGKILL.
func endWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// reap collects a process that was handed to this one and has ended.
func reap(id ID) {
	if s, err := readStat(id.PID); err == nil && s.ended() && s.start == id.Start && s.parent == os.Getpid() {
		_, _ = unix.Wait4(id.PID, nil, unix.WNOHANG, nil)
	}
}

// adopted lists the children of this process that carry the mark in their
// environment.
func adopted(mark string) []ID {
	self, err := open(os.Getpid())
	if err != nil {
		return nil
	}
	defer self.close()
	var k kinship
	if _, err := k.refresh(); err != nil {
		return nil
	}
	var found []ID
	kids, err := k.children(nil, self)
	if err != nil {
		return nil
	}
	for _, pid := range kids {
		env, err := os.ReadFile(procDir(pid) + "/environ")
		if err != nil || !bytes.Contains(env, []byte(mark)) {
			continue
		}
		if p, err := open(pid); err == nil {
			found = append(found, p.id)
			p.close()
		}
	}
	return found
}
