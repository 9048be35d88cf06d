// Package snapshot defines the snapshot document, which a server returns from
// /debug/snapshot, and the trace file, which holds one snapshot per line.
//
// [Snapshot] is the document. [Fields] is the table of its members: a new member is a
// struct field, one row of this table and an entry of schema.json. Decoding,
// Prometheus metrics ([Metrics]), comparisons, alerts and the detection of restarts
// ([Restarted]) follow the table.
//
// [Decode] reads one document from a server, which is not trusted. [Reader] reads a
// trace with the same decoder, and [Writer] appends to one.
package snapshot
