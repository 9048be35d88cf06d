// Package client is the HTTP core of all commands. The servers that it talks to
// are not trusted.
//
// Config says how to reach servers and Client does exchanges accordingly: one
// deadline for a whole exchange, limits on its header and on its decoded body,
// credentials for the Origins only, TLS 1.2 or newer, no redirect followed. Get
// reads a document; HTTP gives packages that speak a protocol of their own the
// same rules; Record does one exchange and keeps everything a diagnosis needs.
//
// A failed exchange is an Error, which names the Stage and the way out. An answer
// whose status is an error is a StatusError; an answer that breaks HTTP is a
// ProtocolError, one beyond the limit a TooLargeError. Stopwatch measures the
// Timing of an exchange. RedactURL and Secrets keep credentials out of all
// output.
//
// The subpackage fastconn does exchanges under the same rules at a third of the
// cost, for load tests.
package client
