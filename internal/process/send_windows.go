package process

import "errors"

// Signal fails: Windows has no signals.
func Signal(ID, string) error { return errors.New("this system has no signals") }

// SignalNumber returns 0: Windows has no signals.
func SignalNumber(string) int { return 0 }

// SignalBy fails: Windows has no signals.
func SignalBy(ID, int) error { return errors.New("this system has no signals") }
