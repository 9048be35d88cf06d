package process

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// interrupt ends the processes: Windows has no signal that asks.
func interrupt(c *Child) {
	for id := range c.known {
		kill(id)
	}
	killGroup(c)
}

func killGroup(c *Child) { _ = c.cmd.Process.Kill() }

// kill ends one run of a process, unless it has ended.
func kill(id ID) {
	p, err := open(id.PID)
	if err != nil || p.id.Start != id.Start {
		return
	}
	_ = p.p.Kill()
}

func exitOf(state *os.ProcessState) Exit {
	if state == nil {
		return Exit{Code: -1, Text: "its end is not known"}
	}
	return Exit{Code: state.ExitCode(), Text: fmt.Sprintf("exit status %d", state.ExitCode())}
}
