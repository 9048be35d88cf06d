// Package redis judges a Redis or Valkey server that an MCP server depends on: memory,
// clients, slow commands, keys that never expire.
//
// [Check] opens one connection and sends nothing but the commands of commands.go. It
// changes nothing, and uses no command whose cost grows with the number of keys: keys are
// read by SCAN, for a limited time. A check that the user may not make is skipped and
// names the right.
package redis
