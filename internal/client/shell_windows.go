package client

import (
	"context"
	"os/exec"
	"syscall"
)

// shell returns a command line of the user as a command of the shell. The line is passed on as it is:
// cmd.exe does not understand the quotes that os/exec writes.
func shell(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "cmd.exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd.exe /d /s /c "` + line + `"`}
	return cmd
}
