//go:build unix

package process

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func separate(cmd *exec.Cmd) {
	adoptOrphans()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithUs(cmd.SysProcAttr)
}

// interrupt asks the group and the known strays to end. A process that was
// collected meanwhile is not there to get it.
func interrupt(c *Child) {
	_ = syscall.Kill(-c.Info.PID, syscall.SIGTERM)
	for _, id := range c.living() {
		_ = syscall.Kill(id.PID, syscall.SIGTERM)
	}
}

func killGroup(c *Child) { _ = syscall.Kill(-c.Info.PID, syscall.SIGKILL) }

// kill ends one run of a process, unless it has ended.
func kill(id ID) {
	if lives(id) {
		_ = syscall.Kill(id.PID, syscall.SIGKILL)
	}
}

func exitOf(state *os.ProcessState) Exit {
	if state == nil {
		return Exit{Code: -1, Text: "its end is not known"}
	}
	status, ok := state.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		text := fmt.Sprintf("killed by signal %d (%v)", int(status.Signal()), status.Signal())
		return Exit{Code: -1, Signal: status.Signal().String(), Text: text}
	}
	return Exit{Code: state.ExitCode(), Text: fmt.Sprintf("exit status %d", state.ExitCode())}
}
