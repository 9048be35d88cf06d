//go:build !linux

package leaktest

// fileLimit returns the soft limit of open files of a process; it is known on Linux only.
func fileLimit(int) float64 { return 0 }

// outOfMemoryKills returns the number of out-of-memory kills; it is known on Linux only.
func outOfMemoryKills() uint64 { return 0 }
