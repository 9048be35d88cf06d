// Package leaktest finds out whether an MCP server leaks memory, how much, and
// per what operation.
//
// [Run] starts the server or attaches to a running one, waits until it answers an
// MCP handshake, and watches its process tree from outside. Package conduct loads
// it in rounds of identical operations, which package load makes, and reads what
// the idle server holds after each; package judge decides what the readings show.
// The [Result] is verdict.json; text, report.html and, by package finding, JUnit,
// GitHub and Markdown are rendered from it. [Load] and [Remake] render a saved
// result again.
package leaktest
