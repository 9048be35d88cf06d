//go:build unix

package proxy

import "os"

// clientProcess is the process that started this one.
type clientProcess struct{ pid int }

func openClient() clientProcess { return clientProcess{os.Getppid()} }

// gone reports whether the process has ended: another one is the parent then.
func (c clientProcess) gone() bool { return os.Getppid() != c.pid }
