// Package fold makes stacks of snapshots over time.
//
// A [Folder] takes snapshots one by one. It remembers the calls in flight, the
// tree so far and the sums about calls, but not the trace. [Folder.Close] returns
// a [Result]: the stacks, the conditions of the recording ([Watch]), and facts about
// single calls ([Calls]): the longest ones, repeated ones, queues, and on request the
// place of each in time ([Span]).
package fold
