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
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// differ is one run of diff.
type differ struct {
	a         *app
	conn      connection
	from      sourceFlags
	source    *poll.Source
	client    *client.Client // nil where no operand is a URL
	wait      time.Duration
	settle    time.Duration
	target    string
	threshold int64
	exact     bool // somebody gave the threshold
	command   []string

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
		Long: `diff says what moved between two snapshots: memory, sessions, queues, and the calls
that are new, gone, or still the same, which are stuck.

An operand is a file that holds a snapshot or a trace, - for standard input, or a
URL, where a snapshot is taken now.
  one trace      its first snapshot against its last
  one URL        now and, after --wait or the command after -- and --settle, again
  two traces     the medians of one against those of the other

A leak is suspected when the heap grew by more than --threshold while the sessions
did not grow; then the exit code is 3.`,
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
			for _, flag := range []string{"wait", "settle"} {
				if cmd.Flags().Changed(flag) && !around {
					return usagef("--%s is for one URL, which is asked twice", flag)
				}
			}
			return d.run(cmd.Context(), operands, output, format)
		},
	}
	fs := cmd.Flags()
	durationVar(fs, &d.wait, "wait", 10*time.Second, "with one URL and no command: time to wait before the second snapshot")
	durationVar(fs, &d.settle, "settle", 10*time.Second, "with one URL: time for the collector to run, after the wait or the command")
	sizeVar(fs, &d.threshold, "threshold", 1<<20, "how much the heap may grow; 0 is the literal rule, any growth (for the memory of a process: a quarter of it, 16MB at least)")
	fs.StringVar(&d.target, "target", "", "of a trace of several targets: the one whose address holds this text")
	fs.StringVarP(&output, "output", "o", "-", "write the result to this file")
	choiceVar(cmd, fs, &format, "format", "how the result is written", "text", "json", "markdown", "junit", "github")
	d.from.addFlags(cmd, fs)
	d.conn.addFlags(fs, 10*time.Second)
	group(fs, "Comparison", "threshold", "wait", "settle", "target")
	group(fs, "Output", "output", "format")
	foundMaySet(fs, "url", "threshold", "wait", "settle", "target", "format")
	paths(fs, "output")
	return cmd
}

// splitDash divides the arguments at --.
func splitDash(cmd *cobra.Command, args []string) (operands, command []string) {
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		return args[:dash], args[dash:]
	}
	return args, nil
}

func (d *differ) run(ctx context.Context, operands []string, output string, format choice) error {
	before, after, err := d.sides(ctx, operands)
	if err != nil {
		return err
	}
	res := diff.Compare(before, after, diff.Options{ThresholdMB: float64(d.threshold) / (1 << 20), Lenient: !d.exact})
	res.Warnings = append(res.Warnings, d.warnings...)
	if d.commandErr != nil {
		res.Command = d.commandErr.Error()
	}
	if err := d.a.writeResult(output, format.value, res); err != nil {
		return err
	}
	switch {
	case res.Verdict == diff.VerdictLeak:
		if d.commandErr != nil {
			d.a.warn(res.Command)
		}
		return errFinding
	case d.commandErr != nil:
		return d.commandErr
	case res.Verdict == diff.VerdictUndecided:
		return errors.New(res.Reason)
	}
	return nil
}

// sides takes or reads both sides.
func (d *differ) sides(ctx context.Context, operands []string) (before, after diff.Window, err error) {
	if d.source, err = d.from.source(); err != nil {
		return before, after, err
	}
	targets, err := d.connect(operands)
	if err != nil {
		return before, after, err
	}
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
func (d *differ) connect(operands []string) ([]*url.URL, error) {
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
		targets[i] = u
		urls = append(urls, u)
	}
	if len(urls) == 0 {
		return targets, nil
	}
	var err error
	d.client, err = d.conn.open(d.a, urls, len(urls))
	return targets, err
}

// isURL tells the address of a server from the name of a file: it has a scheme,
// or it has a port and there is no such file.
func isURL(operand string) bool {
	if strings.Contains(operand, "://") {
		return true
	}
	if _, err := os.Stat(operand); err == nil {
		return false
	}
	address, _, _ := strings.Cut(operand, "/")
	host, port, err := net.SplitHostPort(address)
	return err == nil && host != "" && port != "" && port[0] >= '0' && port[0] <= '9'
}

// around takes a snapshot, waits or runs the command, lets the server settle
// and takes another one.
func (d *differ) around(ctx context.Context, target *url.URL) (before, after diff.Window, err error) {
	if before, err = d.take(ctx, target); err != nil {
		return before, after, err
	}
	if len(d.command) > 0 {
		err = d.runCommand(ctx)
	} else {
		d.a.note("waiting %s, then %s to settle", d.wait, d.settle)
		err = sleep(ctx, d.wait)
	}
	if err == nil {
		err = sleep(ctx, d.settle)
	}
	if err != nil {
		return before, after, err
	}
	after, err = d.take(ctx, target)
	return before, after, err
}

// runCommand runs the user's command. That it fails is told after the comparison.
func (d *differ) runCommand(ctx context.Context) error {
	stdin := d.a.stdin
	if d.a.isTerminal(stdin) {
		stdin = strings.NewReader("") // reading a terminal from a group of its own would stop it
	}
	child, err := process.Start(process.Command{Args: d.command, Env: d.a.childEnv(), Stdin: stdin, Stdout: d.a.stderr, Stderr: d.a.stderr})
	if err != nil {
		return err
	}
	err = child.Wait(ctx)
	child.Stop() // what it left running would load the server that is looked at
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted while %s ran", d.command[0])
	}
	if err != nil {
		d.commandErr = fmt.Errorf("%s: %w", d.command[0], err)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return errors.New("interrupted before the second snapshot")
	case <-time.After(d):
		return nil
	}
}

func (d *differ) take(ctx context.Context, target *url.URL) (diff.Window, error) {
	s, err := d.source.Once(ctx, d.client, target)
	if err != nil {
		return diff.Window{}, err
	}
	return diff.One(s.Poll.Target, s), nil
}

func (d *differ) side(ctx context.Context, operand string, target *url.URL) (diff.Window, error) {
	if target != nil {
		return d.take(ctx, target)
	}
	trace, err := d.read(operand)
	if err != nil {
		return diff.Window{}, err
	}
	return trace.Window(operand), nil
}

// read collects the snapshots of one server from a file.
func (d *differ) read(operand string) (*diff.Collector, error) {
	in, name, err := d.a.openInput(operand)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // only read
	var servers diff.Servers
	reader := snapshot.NewReader(in, name)
	for s, err := range reader.All() {
		if err != nil {
			return nil, err
		}
		if strings.Contains(s.Target(), d.target) && !servers.Add(s) {
			return nil, usagef("%s holds more than %d targets; choose one with --target", name, diff.MaxServers)
		}
	}
	d.warnings = append(d.warnings, reader.Warnings...)
	trace, targets := servers.Only()
	switch {
	case len(targets) == 0:
		return nil, fmt.Errorf("reading %s: there is no snapshot in it", name)
	case trace == nil:
		return nil, usagef("%s holds several targets; choose one with --target: %s", name, someOf(targets))
	case trace.Failed > 0:
		d.warnings = append(d.warnings, fmt.Sprintf("%s: %d polls failed", name, trace.Failed))
	}
	return trace, nil
}

// shownTargets is how many targets are listed.
const shownTargets = 20

// someOf lists targets, and says how many more there are.
func someOf(targets []string) string {
	if more := len(targets) - shownTargets; more > 0 {
		return fmt.Sprintf("%s, and %d more", strings.Join(targets[:shownTargets], ", "), more)
	}
	return strings.Join(targets, ", ")
}
