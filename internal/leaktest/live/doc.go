// Package live asks the runtimes of a server for the size of their live heap.
//
// [Open] finds the processes of a server whose runtime answers from outside: Node.js by
// its inspector, Go by its pprof page, Java by jcmd, CPython by a [Hook] that its command
// loads. [Heap.Read] collects garbage in each and adds up the live objects. The heap after a collection has a noise of some 0.1 MB, where the
// resident memory of a Node.js server moves by 7 to 18 MB between readings.
// [Heap.Close] closes each inspector again. A [Profiler] records CPU profiles during a load.
package live
