package process

import (
	"os/exec"
	"syscall"
)

// ownGroup puts cmd into a process group of its own, so that Ctrl-C reaches
// only this process, which then ends it.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// interruptGroup does nothing: Windows has no signal to ask a process with.
func interruptGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() } // that it is gone already is fine
