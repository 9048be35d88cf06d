// Package poll takes snapshots of servers over time, on a schedule that does not drift.
//
// [Run] polls the targets of a [Config] and passes each poll as an [Event] to its caller.
// The command writes the trace, exports metrics ([Exporter]) and draws a view ([Live]).
// [Source] decides which document of a server is read, and converts metrics, expvar and
// pprof ([Names]) where there is no snapshot. An [Alert] is a condition on a figure of
// the snapshot. [Result] is the outcome of a run and its JSON document.
package poll
