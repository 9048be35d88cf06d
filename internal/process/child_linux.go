package process

import (
	"os/exec"
	"syscall"
)

// ownGroup puts cmd into a process group of its own, and has the kernel kill it
// when this process dies without a chance to.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
