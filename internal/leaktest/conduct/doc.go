// Package conduct runs the rounds of a leak test.
//
// A [Conductor] loads a [Server] with one [Task] after the other. Each phase begins
// with a warm-up that finds the size of a round; then come rounds of load and
// idleness, as many as the verdict needs within the limits of time and memory
// ([Config]). Before a leak is believed, the server idles until it has released the
// growth or has retained it for the hold time. The conductor uses the server only
// through functions, so that its decisions can be tested in virtual time.
package conduct
