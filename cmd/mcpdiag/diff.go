package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/diff"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// differ is a run of the diff command.
type differ struct {
	a         *app
	conn      connection
	from      sourceFlags
	source    *poll.Source
	client    *client.Client // nil if no operand is a URL
	wait      time.Duration
	settle    time.Duration
	target    string
	threshold int64
	exact     bool // the threshold was given
	command   []string
	heap      bool

	warnings   []string
	commandErr error
}

func newDiffCmd(a *app) *cobra.Command {
	d := &differ{a: a}
	var output string
	var format choice
	cmd := &cobra.Command{
		SuggestFor: []string{"compare"},
		Use:        "diff A [B] [-- COMMAND…]",
		Short:      "Compare two snapshots and say whether memory leaks",
		Long: `diff compares two snapshots: memory, sessions, queues, and the calls that are new,
gone, or stuck (still in flight).

An operand is a file that holds a snapshot or a trace, - for standard input, or a
URL, from which a snapshot is taken now.
  one trace      its first snapshot against its last
  one URL        now and, after --wait or the command after -- and --settle, again
  two traces     the medians of one against those of the other

A leak is suspected, and the exit code is 3, if the heap grew by more than --threshold
while the sessions did not grow. Healthy servers grow as they warm up: leaktest tells
a leak from a warm-up.`,
		Example: `  mcpdiag diff http://localhost:3100 --threshold 5MB -- npm test
  mcpdiag diff mcpdiag-trace.ndjson
  mcpdiag diff before.json after.json --format markdown`,
		Args: func(cmd *cobra.Command, args []string) error {
			if operands, _ := splitDash(cmd, args); len(operands) < 1 || len(operands) > 2 {
				return usagef("name one or two things to compare: a snapshot file, a trace such as %s, - or a URL", defaultTrace)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			operands, command := splitDash(cmd, args)
			d.command, d.exact = command, a.given(cmd, "threshold")
			around := len(operands) == 1 && isURL(operands[0])
			for _, flag := range []string{"wait", "settle", "heap"} {
				if cmd.Flags().Changed(flag) && !around {
					return usagef("--%s is for one URL, which is asked twice", flag)
				}
			}
			return d.run(cmd.Context(), operands, output, format)
		},
	}
	fs := cmd.Flags()
	durationVar(fs, &d.wait, "wait", 10*time.Second, "with one URL and no command: time to wait before the second snapshot")
	durationVar(fs, &d.settle, "settle", 10*time.Second, "with one URL: idle time for the garbage collector, before the second snapshot")
	sizeVar(fs, &d.threshold, "threshold", 0, "tolerated growth; 0: none (default a quarter, and at least 8MB of a heap, 16MB of the memory of a process)")
	fs.BoolVar(&d.heap, "heap", false, "with one URL: name the object or line that keeps memory; opens the inspector of a Node.js server on a loopback port for two heap snapshots, asks Java by jcmd, reads /debug/pprof/heap of a Go server")
	fs.StringVar(&d.target, "target", "", "for a trace of several targets: part of the address of the one to compare")
	fs.StringVarP(&output, "output", "o", "-", "write the result to this file")
	formatVar(cmd, fs, &format)
	d.from.addFlags(cmd, fs)
	d.conn.addFlags(fs, 10*time.Second)
	group(fs, "Comparison", "threshold", "wait", "settle", "heap", "target")
	group(fs, "Output", "output", "format")
	foundMaySet(fs, "url", "threshold", "wait", "settle", "target", "format")
	paths(fs, "output")
	return cmd
}

// splitDash splits the arguments at --.
func splitDash(cmd *cobra.Command, args []string) (operands, command []string) {
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		return args[:dash], args[dash:]
	}
	return args, nil
}

// refuseNothing refuses a -- with nothing after it.
func refuseNothing(cmd *cobra.Command, args []string) error {
	if cmd.ArgsLenAtDash() == len(args) {
		return usagef("nothing follows --: put a command there, as in %s -- node server.js", cmd.CommandPath())
	}
	return nil
}

// refusePort refuses {port} in a command that is spoken to over its standard streams.
func refusePort(cmd *cobra.Command, command []string) error {
	for _, arg := range command {
		if strings.Contains(arg, portMark) {
			return usagef("%s speaks to the command after -- over its standard streams and fills in no %s: start an HTTP server yourself and give its URL; "+
				"mcpdiag leaktest starts one by itself", cmd.CommandPath(), portMark)
		}
	}
	return nil
}

func (d *differ) run(ctx context.Context, operands []string, output string, format choice) error {
	targets, err := d.connect(operands)
	if err != nil {
		return err
	}
	compare := d.compare
	if d.heap {
		compare = d.withHeap
	}
	res, err := compare(ctx, operands, targets)
	if errors.Is(err, diff.ErrChoose) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	res.Warnings = append(res.Warnings, d.warnings...)
	if d.commandErr != nil {
		res.Command = d.commandErr.Error()
		d.a.warn(res.Command)
	}
	return d.a.conclude(output, format.value, res)
}

// withHeap compares between two heaps of the server's runtime, and adds the growth to
// the result.
func (d *differ) withHeap(ctx context.Context, operands []string, targets []*url.URL) (*diff.Result, error) {
	h, err := live.OpenServer(ctx, targets[0], d.client)
	if err != nil {
		return nil, fmt.Errorf("--heap: %w", err)
	}
	d.a.note("asking %s", h.Describe())
	defer func() {
		if err := h.Close(ctx); err != nil {
			d.a.warn(err.Error())
		}
	}()
	var res *diff.Result
	explanation, err := h.Explain(ctx, live.Around{Note: d.a.note, Load: func(ctx context.Context) (int, error) {
		if res, err = d.compare(ctx, operands, targets); err != nil {
			return 0, err
		}
		return int(max(0, res.Calls)), nil
	}})
	if err != nil {
		return nil, err
	}
	if res.Kept = explanation.Kept(); res.Kept == "" {
		d.warnings = append(d.warnings, "by the heap of its runtime, "+explanation.Headline)
	}
	return res, nil
}

// compare takes or reads both sides, and compares them.
func (d *differ) compare(ctx context.Context, operands []string, targets []*url.URL) (*diff.Result, error) {
	before, after, err := d.sides(ctx, operands, targets)
	if err != nil {
		return nil, err
	}
	return diff.Compare(before, after, diff.Options{ThresholdMB: float64(d.threshold) / (1 << 20), Lenient: !d.exact}), nil
}

// sides takes or reads both sides.
func (d *differ) sides(ctx context.Context, operands []string, targets []*url.URL) (before, after diff.Window, err error) {
	single := len(operands) == 1
	switch {
	case single && targets[0] != nil:
		return d.around(ctx, targets[0])
	case len(d.command) > 0:
		return before, after, usagef("a command after -- goes with one URL")
	case single:
		trace, err := d.read(operands[0])
		if err != nil {
			return before, after, err
		}
		if trace.Len() < 2 {
			return before, after, usagef("%s holds one snapshot; name a second to compare it with", operands[0])
		}
		before, after = trace.Ends(operands[0])
		return before, after, nil
	}
	if before, err = d.side(ctx, operands[0], targets[0]); err == nil {
		after, err = d.side(ctx, operands[1], targets[1])
	}
	return before, after, err
}

// connect finds the operands that are URLs, and opens a client for them.
func (d *differ) connect(operands []string) (_ []*url.URL, err error) {
	if d.source, err = d.from.source(); err != nil {
		return nil, err
	}
	d.source.Collect = true
	targets := make([]*url.URL, len(operands))
	var urls []*url.URL
	for i, operand := range operands {
		if !isURL(operand) {
			continue
		}
		u, err := client.ParseTarget(operand, d.source.Path())
		if err != nil {
			return nil, usageError{err}
		}
		targets[i] = d.a.besideMCP(u, d.source.Path())
		urls = append(urls, targets[i])
	}
	if len(urls) == 0 {
		return targets, nil
	}
	d.client, err = d.conn.open(d.a, urls, len(urls))
	return targets, err
}

// isURL reports whether an operand is the address of a server: it has a scheme, well
// spelled or not, or a port where there is no such file.
func isURL(operand string) bool {
	if strings.Contains(operand, "://") {
		return true
	}
	if _, err := os.Stat(operand); err == nil {
		return false
	}
	if client.Misspelled(operand) != "" {
		return true
	}
	address, _, _ := strings.Cut(operand, "/")
	host, port, err := net.SplitHostPort(address)
	return err == nil && host != "" && port != "" && port[0] >= '0' && port[0] <= '9'
}

// around takes a snapshot before and one after the wait or the command.
func (d *differ) around(ctx context.Context, target *url.URL) (before, after diff.Window, err error) {
	around := diff.Around{Wait: d.wait, Settle: d.settle, Take: func(ctx context.Context) (*snapshot.Snapshot, error) {
		return d.source.Once(ctx, d.client, target)
	}}
	if len(d.command) > 0 {
		stdin := d.a.stdin
		if d.a.isTerminal(stdin) {
			stdin = strings.NewReader("") // a process group in the background that reads a terminal is stopped
		}
		around.Command = &launch.Command{Args: d.command, Env: d.a.childEnv(), Stdin: stdin, Stdout: d.a.stderr, Stderr: d.a.stderr}
	} else {
		d.a.note("waiting %s, then %s to settle", d.wait, d.settle)
	}
	before, after, d.commandErr, err = around.Run(ctx)
	return before, after, err
}

// side takes or reads one side.
func (d *differ) side(ctx context.Context, operand string, target *url.URL) (diff.Window, error) {
	if target != nil {
		s, err := d.source.Once(ctx, d.client, target)
		if err != nil {
			return diff.Window{}, err
		}
		return diff.One(s.Poll.Target, s), nil
	}
	trace, err := d.read(operand)
	if err != nil {
		return diff.Window{}, err
	}
	return trace.Window(operand), nil
}

// read collects the snapshots of one server from a file.
func (d *differ) read(operand string) (*diff.Collector, error) {
	in, err := d.a.openInput(operand)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // only read
	trace, warnings, err := diff.Read(in, inputName(operand), d.target)
	d.warnings = append(d.warnings, warnings...)
	if errors.Is(err, snapshot.ErrNotJSON) {
		err = fmt.Errorf(`%w; diff compares snapshots and traces: "mcpdiag monitor --read" judges recorded memory, "mcpdiag flame --base" compares profiles`, err)
	}
	return trace, err
}
