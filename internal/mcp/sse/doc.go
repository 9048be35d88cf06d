// Package sse parses server-sent events (WHATWG HTML, section 9.2).
//
// Parser works on pieces of a stream as they arrive, for a caller that sees them
// pass by. Reader wraps a Parser around an io.Reader, for a caller that waits for
// the next Event. Both keep at most one event in memory.
package sse
