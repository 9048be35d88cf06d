package launch

import "os"

// Forwarded returns the signals that a process passes on to the command that it wraps.
func Forwarded() []os.Signal { return []os.Signal{os.Interrupt} }

// Signal ends the command: Windows has no signals to pass on.
func (c *Child) Signal(os.Signal) { go c.Stop() }

// Follow returns the exit status of the command.
func (c *Child) Follow() int { return c.exit.Code }

// IgnoreBrokenPipes does nothing: on Windows writes to them fail as they are.
func IgnoreBrokenPipes() {}
