package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
)

// heaper is one run of the heap command.
type heaper struct {
	a        *app
	files    []string
	options  heap.Options
	running  runningFlags
	interval time.Duration
	keep     keepFlags
	format   choice
	output   string
}

func newHeapCmd(a *app) *cobra.Command {
	h := &heaper{a: a}
	cmd := &cobra.Command{
		Use:   "heap [A [B [PROFILE]]]",
		Short: "Say which objects stay in memory, and which object holds them",
		Long: `heap reads a heap snapshot of Node.js (.heapsnapshot), a sampling profile of its
allocations (.heapprofile), a heap profile of Go (pprof) or a class histogram of Java
(jcmd GC.class_histogram), plain or compressed. Instead of two files it takes two heaps
from a running process, --interval apart: from Node.js with --pid or --inspect, from Java
with --pid, from Go with --url. Of Java and Go an older file takes the place of the first.

Of two snapshots of one process it names the objects that hold new ones, by the path of
variables and properties that leads to them, and with a .heapprofile that was sampled
between them the line that allocated most; of two profiles, the lines whose memory has
grown; of two class histograms, the classes. With --ops, the number of operations between
the two, it reports growth per operation, and a holder or a class that keeps at least one
object per two operations, or a line that keeps memory per operation, makes the exit code
3. Of one file it lists the largest classes and objects, or lines.

Contents of strings are never printed: a snapshot holds every secret of its process.
Nothing is stored without --keep.`,
		Example: `  mcpdiag heap before.heapsnapshot after.heapsnapshot --ops 1000
  mcpdiag heap before.pb.gz after.pb.gz --ops 1000
  mcpdiag heap app.heapsnapshot
  mcpdiag heap --pid 4711 --attach --interval 60
  mcpdiag heap before.txt --pid 4711 --attach --ops 1000
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
	h.running.add(cmd, "Node.js or Java", "stop it for two snapshots, close the inspector; stop a JVM for two collections")
	h.keep.add(fs)
	group(fs, "Comparison", "ops", "max-memory")
	group(fs, "Running process", "interval")
	group(fs, "Output", "format", "output", "keep", "scrub")
	foundMaySet(fs, "ops", "interval", "format")
	paths(fs, "output")
}

func (h *heaper) run(cmd *cobra.Command, args []string) error {
	take, err := h.source(cmd, args)
	if err != nil {
		return err
	}
	res, err := take(cmd.Context(), h.keep.keeper(h.a))
	if _, full := errors.AsType[*graph.MemoryError](err); full {
		return fmt.Errorf("%w; allow more with --max-memory", err)
	}
	if err != nil {
		return err
	}
	return h.a.conclude(h.output, h.format.value, res)
}

// source returns the function that takes the two heaps.
func (h *heaper) source(cmd *cobra.Command, args []string) (func(context.Context, *heap.Keep) (*heap.Result, error), error) {
	running, err := h.running.choose(cmd)
	if err = cmp.Or(err, h.keep.check()); err != nil {
		return nil, err
	}
	h.files = args
	switch {
	case len(args) == 0 && running == "", len(args) > 3, len(args) > 1 && running != "":
		return nil, usagef("name one or two files, the older one first: heap snapshots, heap profiles or class histograms; or a running process with --pid, --inspect or --url, and one older file at most")
	case len(args) == 1 && running == "" && h.options.Operations > 0:
		return nil, usagef("--ops is for two files: it is the number of operations between them")
	case len(args) > 0 && cmd.Flags().Changed("interval"):
		return nil, usagef("--interval is the time between two heaps of a running process")
	case h.keep.dir != "" && running == "":
		return nil, usagef("--keep stores the heaps of a running process")
	case running == "url":
		return h.fetch, nil
	case running != "":
		return h.live, nil
	}
	return func(context.Context, *heap.Keep) (*heap.Result, error) { return heap.Run(h.sources(), h.options) }, nil
}

// keepFlags say which heaps are stored.
type keepFlags struct {
	dir   string
	scrub bool
}

func (k *keepFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&k.dir, "keep", "", "folder for the heaps that are taken; a snapshot holds every string of its process (default: nothing is stored)")
	fs.BoolVar(&k.scrub, "scrub", false, "with --keep: replace the contents of strings in snapshots by their length")
	paths(fs, "keep")
}

func (k *keepFlags) check() error {
	if k.scrub && k.dir == "" {
		return usagef("--scrub is for the snapshots that --keep stores")
	}
	return nil
}

// keeper returns the folder to store heaps in, nil for none.
func (k *keepFlags) keeper(a *app) *heap.Keep {
	if k.dir == "" {
		return nil
	}
	return &heap.Keep{Dir: k.dir, Scrub: k.scrub, Note: a.note}
}
