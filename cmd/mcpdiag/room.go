package main

import (
	"os"
	"runtime"
)

// leaveRoom lets the load take half of the processors at most where the server is
// on the same machine, and returns how to take that back. Go's scheduler looks for
// work on every processor it has, and on a small machine takes the time for it
// from the server, which then seems slower than it is. GOMAXPROCS says otherwise.
func leaveRoom(local bool) (restore func()) {
	if !local || os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(max(1, before/2))
	return func() { runtime.GOMAXPROCS(before) }
}
