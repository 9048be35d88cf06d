//go:build unix

package client

import (
	"context"
	"os/exec"
)

// shell returns a command line of the user as a command of the shell.
func shell(ctx context.Context, line string) *exec.Cmd {
	return exec.CommandContext(ctx, "sh", "-c", line)
}
