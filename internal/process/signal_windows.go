package process

import "os"

// Forwarded are the signals that a process which wraps another passes on.
func Forwarded() []os.Signal { return []os.Signal{os.Interrupt} }

// Signal ends the command: Windows has no signals to pass on.
func (c *Child) Signal(os.Signal) { go c.Stop() }

// Follow is the exit status of the command.
func (c *Child) Follow() int { return c.cmd.ProcessState.ExitCode() }

// IgnoreBrokenPipes does nothing: on Windows writes to them fail as they are.
func IgnoreBrokenPipes() {}
