package proxy

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// clientProcess is the process that started this one. A process of Windows keeps the
// PID of its parent when that ends, so a handle tells.
type clientProcess struct {
	handle windows.Handle // open until this process ends; 0 if it could not be opened
	ended  bool           // before it could be opened
}

func openClient() clientProcess { return openProcess(os.Getppid()) }

func openProcess(pid int) clientProcess {
	handle, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	return clientProcess{handle, errors.Is(err, windows.ERROR_INVALID_PARAMETER)} // no process has the PID
}

// gone reports whether the process has ended. Without a handle it counts as alive.
func (c clientProcess) gone() bool {
	if c.handle == 0 {
		return c.ended
	}
	event, err := windows.WaitForSingleObject(c.handle, 0)
	return err == nil && event == windows.WAIT_OBJECT_0
}
