// Package graph reads heap snapshots of V8 (.heapsnapshot) and answers questions
// about the objects in them.
//
// [Summarize] keeps the totals of the classes only. [Read] keeps nodes and edges as a
// [Graph]; [Graph.Tree] gives each object the object that holds it, and
// [Graph.Dominators] the bytes that would be freed with it.
//
// A snapshot contains every string of the process, so secrets too. The contents of
// strings are not kept: only names of classes, functions, variables and properties,
// cut to [maxName] bytes, and they are shown through [Graph.Class] and [Graph.Label].
package graph
