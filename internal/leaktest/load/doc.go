// Package load puts load on an MCP server for a leak test.
//
// An [Operation] is a value that declares its needs of the server ([Need]), its
// properties ([Trait]) and the other operations that it consists of. [Operations] lists all of them. A [Load] is a server that operations can be
// run on; [Load.Run] makes a number of them and returns a [Batch] with counts,
// errors and latencies. Batches add up, latencies included.
package load
