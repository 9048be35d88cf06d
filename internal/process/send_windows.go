package process

import "errors"

// Signal sends a signal to a process, which this system does not have.
func Signal(ID, string) error { return errors.New("this system has no signals") }

// SignalNumber is 0: this system has no signals.
func SignalNumber(string) int { return 0 }
