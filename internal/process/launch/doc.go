// Package launch starts commands, and ends them with all that they started.
//
// Start starts a Command as a Child, Dial as a Conn that is spoken to over its
// standard streams; Exit is the way in which it ended. Neither a command nor anything
// that it starts outlives mcpdiag: on Unix a Watchdog stands between them, on Windows a
// job object holds them.
package launch
