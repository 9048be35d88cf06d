//go:build unix && !linux

package process

import (
	"os"
	"syscall"
)

func becomeReaper() {}

func endWithParent(*syscall.SysProcAttr) {}

func ownProgram() (string, error) { return os.Executable() }
