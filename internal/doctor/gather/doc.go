// Package gather observes an MCP server. [Server] sends a bounded number of requests to
// a URL, [Command] starts a command and speaks with it over stdio. Both return redacted
// facts and end each session that they opened. A rule can judge
// nothing else.
package gather
