package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
)

func newHeapCmd(a *app) *cobra.Command {
	var operations int
	var memory int64
	var format choice
	var output string
	cmd := &cobra.Command{
		Use:   "heap A [B]",
		Short: "Say which objects stay in memory, and which object holds them",
		Long: `heap reads a heap snapshot of Node.js (.heapsnapshot), a sampling profile of its
allocations (.heapprofile) or a heap profile of Go (pprof), plain or compressed.

Of two snapshots of one process it names the objects that hold new ones, by the path of
variables and properties that leads to them; of two profiles, the lines whose memory has
grown. With --ops, the number of operations between the two, it reports growth per
operation, and a holder that keeps at least one object per two operations, or a line
that keeps memory per operation, makes the exit code 3. Of one file it lists the largest
classes and objects, or lines.

Contents of strings are never printed: a snapshot holds every secret of its process.`,
		Example: `  mcpdiag heap before.heapsnapshot after.heapsnapshot --ops 1000
  mcpdiag heap before.pb.gz after.pb.gz --ops 1000
  mcpdiag heap app.heapsnapshot`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usagef("name one or two files: heap snapshots or heap profiles, the older one first")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && operations > 0 {
				return usagef("--ops is for two files: it is the number of operations between them")
			}
			var sources []heap.Source
			for _, arg := range args {
				sources = append(sources, heapSource(a, arg))
			}
			res, err := heap.Run(sources, heap.Options{Operations: operations, Memory: memory})
			if err != nil {
				return err
			}
			return a.conclude(output, format.value, res)
		},
	}
	fs := cmd.Flags()
	limitVar(fs, &operations, "ops", "number of operations between the two files; 0: unknown")
	sizeVar(fs, &memory, "max-memory", graph.DefaultLimit, "refuse a snapshot that needs more memory than this")
	choiceVar(cmd, fs, &format, "format", "format of the result", "text", "json", "markdown", "junit", "github")
	fs.StringVarP(&output, "output", "o", "-", "write the result to this file")
	group(fs, "Comparison", "ops", "max-memory")
	group(fs, "Output", "format", "output")
	foundMaySet(fs, "ops", "format")
	paths(fs, "output")
	return cmd
}

// heapSource opens a file with a heap; "-" is standard input.
func heapSource(a *app, path string) heap.Source {
	return heap.Source{Name: path, Open: func() (io.ReadCloser, error) {
		in, _, err := a.openInput(path)
		return in, err
	}}
}
