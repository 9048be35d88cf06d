//go:build unix

package process

import (
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Signal sends a signal, by its name, to one run of a process.
func Signal(id ID, name string) error {
	sig := SignalNumber(name)
	if sig == 0 {
		return fmt.Errorf("unknown signal %q", name)
	}
	return SignalBy(id, sig)
}

// SignalBy sends a signal, by its number, to one run of a process.
func SignalBy(id ID, number int) error {
	if !id.Lives() {
		return ErrEnded
	}
	return syscall.Kill(id.PID, syscall.Signal(number))
}

// SignalNumber returns the number of the signal with this name, with or without
// SIG; 0 if there is none.
func SignalNumber(name string) int {
	return int(unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")))
}
