// Package process finds processes, and reads their memory and other figures.
//
// Target names a process by PID, name, port or command, and finds it, also after a
// restart. Tree reads the memory of a process and all its descendants again and
// again at little cost; ReadCounts, ReadPages and ReadSockets add the figures of
// Detail. On Linux both read /proc, elsewhere gopsutil. Package launch starts processes.
package process
