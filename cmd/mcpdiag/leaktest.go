package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// leaktester is a run of the leaktest command.
type leaktester struct {
	held heldFlags
	a    *app
	conn connection
	cfg  leaktest.Config

	judge     string
	attribute bool
	transport choice
	protocol  choice
	match     choice
	failOn    choice
	format    choice
	args      []string
	lastLine  string
	snapshot  string
	gcURL     string
	pprof     string
	rss       bool
	explain   bool
	keep      keepFlags
	heap      smallHeap
	budgets   []string
	baseline  string
}

func newLeaktestCmd(a *app) *cobra.Command {
	l := &leaktester{a: a}
	cmd := &cobra.Command{
		SuggestFor: []string{"leak", "leaks"},
		Use:        "leaktest (--pid N | --name NAME | --port N | --judge FILE | -- COMMAND…)",
		Short:      "Test whether a server leaks memory, how much, and per what operation",
		Long: `leaktest starts an MCP server, or attaches to a running one, loads it in rounds of
identical operations, lets it idle after each, and judges what its processes hold
then: leak, no leak or undecided, with the bytes kept per operation and the
detection limit. A leak makes the exit code 3. Before a leak is believed, the
server idles for --hold: memory that is only held for a while is not a leak.

--attribute tries one load after the other (closed sessions, abandoned sessions,
calls, failed calls, rejected requests, …) and says which of them is kept. That
takes some minutes.

{port} in the command stands for a free port (-- env PORT={port} node server.js for
a server that takes it from its environment), also in --url, whose default is
http://127.0.0.1:{port}/mcp then. Without {port} and --url a command that does not
listen is spoken to over its standard streams. Fewer than 8 --rounds decide nothing
but counts.
The command and its descendants end with the test.

--judge judges settled readings that were recorded before: CSV with the columns
ops_total and rss_tree_kb, and optionally live_kb, round and nproc.`,
		Example: `  mcpdiag leaktest --url http://localhost:9901/mcp -- nat mcp serve --port 9901
  mcpdiag leaktest --users 40 --calls 10 --rounds 12 --delay 10 --name uvicorn --url http://localhost:9901
  mcpdiag leaktest --attribute -- node server.js --port {port}
  mcpdiag leaktest -- npx -y my-server
  mcpdiag leaktest --budget 10KB/session --budget 1KB/call --format junit -- ./server --port {port}
  mcpdiag leaktest --judge rounds.csv --format json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := refuseNothing(cmd, args); err != nil {
				return err
			}
			operands, command := splitDash(cmd, args)
			if err := l.options(cmd, operands, command); err != nil {
				return err
			}
			if l.judge != "" {
				return l.recorded()
			}
			if err := refuseLink(cmd, l.cfg.Folder); err != nil {
				return err
			}
			return l.test(cmd.Context())
		},
	}
	l.addFlags(cmd, cmd.Flags())
	return cmd
}

// test runs the test.
func (l *leaktester) test(ctx context.Context) error {
	if err := l.connect(ctx); err != nil {
		return err
	}
	var err error
	if l.cfg.Held, err = l.held.reader(ctx, l.a, l.conn.tls); err != nil {
		return err
	}
	if n := l.cfg.Rounds; n > 0 && n < leaktest.DecidingRounds {
		l.a.warn(fmt.Sprintf("--rounds %d: fewer than %d rounds decide nothing but counts; without --rounds there are as many as the verdict needs", n, leaktest.DecidingRounds))
	}
	view := &screen{a: l.a}
	l.cfg.Guard = func(w io.Writer) io.Writer { return l.a.guard(w) }
	l.cfg.Progress = l.progress(view)
	l.cfg.Note = func(text string) { view.clear(); l.a.note("%s", text) }
	warned := map[string]bool{}
	l.cfg.Warn = func(text string) {
		view.clear()
		l.a.warn(text)
		warned[text] = true
	}
	res, err := leaktest.Run(ctx, l.cfg)
	view.clear()
	if several := new(process.AmbiguousError); errors.As(err, &several) {
		l.a.listProcesses(several.Found)
	}
	if res == nil {
		return err
	}
	if l.failOn.value == string(trend.Undecided) {
		res.FailOnUndecided()
	}
	l.a.warn(slices.DeleteFunc(slices.Clone(res.Warnings), func(w string) bool { return w == res.Ended || warned[w] })...)
	err = errors.Join(err, l.a.writeResult("-", l.format.value, res), l.a.stepSummary(l.format.value, res.Report()))
	l.a.note("wrote %s", filepath.Join(l.cfg.Folder, leaktest.ReportFile))
	if err == nil {
		return l.outcome(res)
	}
	if res.Ended != "" {
		l.a.warn(res.Ended)
	}
	return err
}

// outcome returns the error that stands for the exit code.
func (l *leaktester) outcome(res *leaktest.Result) error {
	err := outcomeOf(res.Report())
	if err == nil {
		remedy := moreRounds
		for _, p := range res.Phases {
			if p.Doubt != "" {
				remedy = p.Doubt
			}
		}
		err = l.verdict(res.Verdict, res.Finding, remedy)
	}
	if res.Ended != "" && errors.Is(err, errFinding) {
		l.a.warn(res.Ended)
	}
	return err
}

// progress shows the state of the test: live on a terminal, a line per round elsewhere.
func (l *leaktester) progress(view *screen) func(leaktest.Progress) {
	switch {
	case l.a.quiet:
		return nil
	case !l.a.live():
		return l.progressLine
	}
	return func(p leaktest.Progress) {
		view.drawn = time.Time{} // each state is shown
		view.line(p.Line())
	}
}

// progressLine prints a line when a phase, a round or a hold time begins.
func (l *leaktester) progressLine(p leaktest.Progress) {
	if p.State == "settle" {
		return
	}
	key := fmt.Sprint(p.Index, p.Round, p.State)
	if p.Phase != "" && key != l.lastLine {
		l.lastLine = key
		l.a.note("%s", p.Line())
	}
}

// recorded judges a recording.
func (l *leaktester) recorded() error {
	j, err := readInput(l.a, l.judge, trend.JudgeFile)
	if err != nil {
		return err
	}
	l.a.warn(j.Warnings...)
	switch l.format.value {
	case "json":
		err = report.WriteJSON(l.a.stdout, &j)
	case "text":
		err = leaktest.WriteJudgement(l.a.stdout, &j, l.a.painter(l.a.stdout))
	default:
		return usagef("--judge has the formats text and json")
	}
	if err != nil {
		return err
	}
	return l.verdict(j.Verdict, j.Verdict == trend.Leak, moreRounds)
}

// moreRounds is the remedy for readings that decide nothing.
const moreRounds = "more or longer rounds may decide"

// verdict returns the error that stands for a verdict; remedy is that of an open one.
func (l *leaktester) verdict(v trend.Verdict, finding bool, remedy string) error {
	if finding {
		return errFinding
	}
	if v == trend.Undecided {
		if l.failOn.value == "undecided" {
			return errFinding
		}
		l.a.warn("undecided: " + remedy + "; --fail-on undecided makes this exit 3")
	}
	return nil
}
