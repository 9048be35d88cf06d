package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
)

// heaper is one run of the heap command.
type heaper struct {
	a        *app
	options  heap.Options
	running  runningFlags
	interval time.Duration
	format   choice
	output   string
}

func newHeapCmd(a *app) *cobra.Command {
	h := &heaper{a: a}
	cmd := &cobra.Command{
		Use:   "heap [A [B]]",
		Short: "Say which objects stay in memory, and which object holds them",
		Long: `heap reads a heap snapshot of Node.js (.heapsnapshot), a sampling profile of its
allocations (.heapprofile) or a heap profile of Go (pprof), plain or compressed. Instead
of files it takes two from a running process, --interval apart: from Node.js with --pid
or --inspect, from Go with --url.

Of two snapshots of one process it names the objects that hold new ones, by the path of
variables and properties that leads to them; of two profiles, the lines whose memory has
grown. With --ops, the number of operations between the two, it reports growth per
operation, and a holder that keeps at least one object per two operations, or a line
that keeps memory per operation, makes the exit code 3. Of one file it lists the largest
classes and objects, or lines.

Contents of strings are never printed: a snapshot holds every secret of its process.`,
		Example: `  mcpdiag heap before.heapsnapshot after.heapsnapshot --ops 1000
  mcpdiag heap before.pb.gz after.pb.gz --ops 1000
  mcpdiag heap app.heapsnapshot
  mcpdiag heap --pid 4711 --attach --interval 60
  mcpdiag heap --url http://localhost:6060/debug/pprof/heap --interval 60`,
		RunE: func(cmd *cobra.Command, args []string) error { return h.run(cmd, args) },
	}
	h.addFlags(cmd)
	return cmd
}

func (h *heaper) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	limitVar(fs, &h.options.Operations, "ops", "number of operations between the two; 0: unknown")
	sizeVar(fs, &h.options.Memory, "max-memory", graph.DefaultLimit, "refuse a snapshot that needs more memory than this")
	durationVar(fs, &h.interval, "interval", 30*time.Second, "time between the two, for a running process")
	formatVar(cmd, fs, &h.format)
	fs.StringVarP(&h.output, "output", "o", "-", "write the result to this file")
	h.running.add(cmd, "stop it for two snapshots")
	group(fs, "Comparison", "ops", "max-memory")
	group(fs, "Running process", "interval")
	group(fs, "Output", "format", "output")
	foundMaySet(fs, "ops", "interval", "format")
	paths(fs, "output")
}

func (h *heaper) run(cmd *cobra.Command, args []string) error {
	take, err := h.source(cmd, args)
	if err != nil {
		return err
	}
	res, err := take(cmd.Context())
	if err != nil {
		return err
	}
	return h.a.conclude(h.output, h.format.value, res)
}

// source returns the function that takes the two heaps.
func (h *heaper) source(cmd *cobra.Command, args []string) (func(context.Context) (*heap.Result, error), error) {
	running, err := h.running.choose(cmd)
	switch {
	case err != nil:
		return nil, err
	case (len(args) > 0) == (running != "") || len(args) > 2:
		return nil, usagef("name one or two files, the older one first: heap snapshots or heap profiles; or a running process with --pid, --inspect or --url")
	case len(args) == 1 && h.options.Operations > 0:
		return nil, usagef("--ops is for two files: it is the number of operations between them")
	case len(args) > 0 && cmd.Flags().Changed("interval"):
		return nil, usagef("--interval is for a running process")
	case running == "url":
		return h.fetch, nil
	case running != "":
		return h.live, nil
	}
	return func(context.Context) (*heap.Result, error) { return h.files(args) }, nil
}
