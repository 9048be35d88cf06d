// Package mcp is the Model Context Protocol as a client speaks it, over HTTP and
// over the standard streams of a process.
//
// Connect negotiates how to speak to the server at an Endpoint, its Era, and opens
// the first Session; Open opens more of the same Era. A Session lists Tools, sends a
// Request with Do and returns its Answer, and opens the standalone event stream with
// Listen. Warnings lists how the server departs from the protocol; with Endpoint.Check,
// departures that the official clients reject are errors.
//
// Errors describe the data that came instead of an answer: a client.StatusError, an RPCError, a
// MalformedError, ErrSessionLost, or a client.Error where the exchange failed.
//
// Inside, a transport carries the messages of a session: streamable over Streamable
// HTTP, link over HTTP+SSE and standard streams. An envelope is the part of a message
// that decides whether a call succeeded, read without the rest.
//
// The subpackages stand on their own: sse parses event streams, lines reads bounded
// lines, arguments makes arguments from input schemas.
package mcp
