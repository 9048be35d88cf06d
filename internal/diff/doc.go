// Package diff compares two snapshots of a server, or two windows of a trace: which
// figures changed, which calls are stuck, and whether memory grew while sessions did not.
//
// [Read] collects the snapshots of one server from a trace, [Around] takes one before
// and one after a command. Both give a [Window] for each side. [Compare] compares the
// windows; its [Result] is the JSON document, and its Report feeds the other formats.
package diff
