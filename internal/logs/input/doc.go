// Package input reads logs: files, folders, standard input, plain or compressed,
// once or as they grow.
//
// A [Source] is one stream of bytes. [Read] cuts it into blocks at newlines, has the
// blocks parsed on all processors ([logline.Parser]) and yields its [Entry] values in
// order: stack traces and other continuation lines are joined to the record they
// belong to, pieces of long lines are put together, and every time is completed
// ([logline.Clock]). [Merge] reads several sources in the order of time.
//
// Memory is bounded whatever the input: blocks have 256 KiB, a line longer than 1 MiB keeps its
// first 64 KiB and its last 4 KiB, a record keeps 500 lines or 256 KiB of continuation.
package input
