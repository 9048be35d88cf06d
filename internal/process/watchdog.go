package process

// WatchdogName is the program name (argument 0) under which mcpdiag starts itself
// as the watchdog of a command. It does not contain "mcpdiag", so "pkill mcpdiag"
// spares it.
const WatchdogName = "child-watchdog"

// IsWatchdog reports whether a process with these arguments is to run launch.Watchdog.
func IsWatchdog(args []string) bool { return len(args) == 1 && args[0] == WatchdogName }
