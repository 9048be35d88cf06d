// Package assist is mcpdiag as an MCP server: an assistant diagnoses other servers by
// calling its tools.
//
// A [Server] is made of a [Config] and serves standard streams ([Server.ServeStreams]) or
// HTTP ([Server.Handler]). Each tool is a spec and a function that wraps the Run of a
// package (tools*.go); add puts the bounds around it: gate admits calls, targets and
// folder decide which servers and files may be read, and encode and quote turn the result
// into an answer of bounded size in which foreign text is marked as data.
//
// Nothing here judges: the structured content of an answer is the JSON of the command.
package assist
