// Package facts holds observations of an MCP server, without secrets: [Facts] with
// each [Exchange], the network below it, the tools, the authentication and, for a
// command, its process. Facts are saved, and judged again, as JSON.
package facts
