// Package engine makes the calls of a plan against an MCP endpoint.
//
// [Prepare] negotiates with the server and fits the plan to its tools. The
// [Runner] that it returns plays the plan ([Runner.Run]) or one level of a
// search ([Runner.RunStep]). Inside, a run has users; a user opens sessions over
// its line and records samples; a collector adds the samples up to a
// [result.Result]. In an open model a pool hands the calls that are due to users
// that are free.
package engine
