// Package process finds and starts processes, and reads their memory and other figures.
//
// Target names a process by PID, name, port or command, and finds it, also after a
// restart. Tree reads the memory of a process and all its descendants again and
// again at little cost; ReadCounts, ReadPages and ReadSockets add the figures of
// Detail. On Linux both read /proc, elsewhere gopsutil.
//
// Start starts a command as a Child, Dial as a Conn that is spoken to over its
// standard streams. Neither a command nor anything that it starts outlives mcpdiag:
// on Unix a Watchdog stands between them, on Windows a job object holds them.
package process
