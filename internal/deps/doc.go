// Package deps judges the servers that an MCP server depends on.
//
// A [Target] is the address of one of them: given by the user, or found by [FromEnviron] in an
// environment or by [FromServer] also in the arguments of an MCP server. [Run] checks each and returns a [Result]. The
// subpackages do the checks; none of them changes anything on a server. The subpackage
// metrics, a command of its own, judges the /metrics of the MCP server itself.
package deps
