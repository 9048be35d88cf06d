// Package doctor finds out whether an MCP server is healthy, and if it is not, the
// cause and how to mend it.
//
// Package gather records redacted facts once. [Judge] applies the table of package rules
// to them, which is pure, and makes a [Result]: a verdict, one root cause, the clients
// that would refuse the server, changes since an earlier result, and checks left out. Facts
// that were saved can be judged again without the server.
package doctor
