// Package leaktest finds out whether an MCP server leaks memory, how much, and of
// which operation.
//
// [Run] starts the server or attaches to a running one, waits until it answers an
// MCP handshake, and watches its process tree from outside. Package conduct loads
// it in rounds of identical operations, made by package load, and reads the memory
// of the idle server after each; package judge turns the readings into a verdict.
// The [Result] is verdict.json; text, report.html and, by package finding, JUnit,
// GitHub and Markdown are rendered from it. [Load] and [Remake] render a saved
// result again.
package leaktest
