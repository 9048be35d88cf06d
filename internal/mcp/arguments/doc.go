// Package arguments makes arguments for tool calls from the input schema of a tool.
//
// Make returns one set of arguments, Variants a few different ones. Both follow
// the schema's constants, defaults, examples, enumerations, bounds and formats,
// and give required properties only. The schema comes from the server: nesting,
// sizes and work have limits.
package arguments
