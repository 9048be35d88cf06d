//go:build unix && !linux

package launch

import (
	"os"
	"syscall"
)

const adoptsOrphans = false

func becomeReaper() {}

func endWithParent(*syscall.SysProcAttr) {}

func ownProgram() (string, error) { return os.Executable() }
