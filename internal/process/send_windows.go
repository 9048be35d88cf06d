package process

import "errors"

// Signal fails: Windows has no signals.
func Signal(ID, string) error { return errors.New("this system has no signals") }

// SignalNumber returns 0: Windows has no signals.
func SignalNumber(string) int { return 0 }

// SignalBy fails: Windows has no signals.
func SignalBy(ID, int) error { return errors.New("this system has no signals") }

// Kill ends one run of a process, unless it has ended.
func Kill(id ID) {
	if p, err := open(id.PID); err == nil && p.id.Start == id.Start {
		_ = p.p.Kill()
	}
}
