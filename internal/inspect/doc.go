// Package inspect speaks to the inspector of V8, the debugging port of Node.js, on the
// loopback interface.
//
// [Dial] connects to an open inspector as a [Session], which collects garbage, reads
// heap snapshots while they stream, records profiles, and closes the inspector with
// [Session.End]. Nothing is written to disk.
package inspect
