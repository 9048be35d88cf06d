// Package fastconn does exchanges over single connections of HTTP/1.1, for load
// tests: many similar requests, one after the other.
//
// A Conn is the connection of one virtual user. It follows the rules of its
// client.Client, as net/http does there, but without goroutines, and it parses a
// header again only where it differs from the last one. BenchmarkRoundTrip
// compares it with net/http; CONTRIBUTING.md has the figure.
package fastconn
