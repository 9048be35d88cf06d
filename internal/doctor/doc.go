// Package doctor finds out whether an MCP server is healthy, and if it is not, the
// cause and how to mend it.
//
// Gather sends a bounded number of requests and records redacted Facts. Judge is
// pure: it applies the rules of one table to the facts, skips the rules that depend
// on a failed one, and names the root cause. Facts that were saved can be judged
// again without the server.
package doctor
