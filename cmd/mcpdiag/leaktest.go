package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// leaktester is one run of the leaktest command.
type leaktester struct {
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
	args      string
	snapshot  string
	gcURL     string
	heap      heapFlag
	budgets   []string
	baseline  string
}

func newLeaktestCmd(a *app) *cobra.Command {
	l := &leaktester{a: a}
	cmd := &cobra.Command{
		SuggestFor: []string{"leak", "leaks"},
		Use:        "leaktest (--pid N | --name NAME | --judge FILE | -- COMMAND…)",
		Short:      "Find out whether a server leaks memory, how much and per what",
		Long: `leaktest starts an MCP server, or takes one that runs, loads it in rounds of identical
operations, lets it become idle after each, and judges what its processes hold then:
leak, no leak or undecided, with the bytes kept of an operation. A leak makes the exit
code 3.

With --attribute it loads the server with one thing after the other: sessions that
are closed, sessions that are abandoned, calls, calls that fail, requests that are
refused, and so on, and says which of them is kept. That takes some minutes.

{port} in the command stands for a free port (a server that takes it from its
environment is started with -- env PORT={port} node server.js), and so it does in
--url, whose default is http://127.0.0.1:{port}/mcp then. Fewer than 8 --rounds
decide nothing but counts. The command ends with the test, and so does all
that it started.

--judge judges settled values that were recorded before: CSV with the columns round,
ops_total and rss_tree_kb; - is standard input.`,
		Example: `  mcpdiag leaktest --url http://localhost:9901/mcp -- nat mcp serve --port 9901
  mcpdiag leaktest --users 40 --calls 10 --rounds 12 --delay 10 --name uvicorn --url http://localhost:9901
  mcpdiag leaktest --attribute -- node server.js --port {port}
  mcpdiag leaktest --transport stdio -- npx -y my-server
  mcpdiag leaktest --budget 10KB/session --budget 1KB/call --format junit -- ./server --port {port}
  mcpdiag leaktest --judge rounds.csv --format json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			operands, command := splitDash(cmd, args)
			if err := l.options(cmd, operands, command); err != nil {
				return err
			}
			if l.judge != "" {
				return l.recorded()
			}
			return l.test(cmd.Context())
		},
	}
	l.addFlags(cmd, cmd.Flags())
	return cmd
}

// test runs the test.
func (l *leaktester) test(ctx context.Context) error {
	if err := l.connect(); err != nil {
		return err
	}
	if n := l.cfg.Rounds; n > 0 && n < leaktest.DecidingRounds {
		l.a.warn(fmt.Sprintf("--rounds %d: fewer than %d rounds decide nothing but counts; without --rounds there are as many as the verdict needs", n, leaktest.DecidingRounds))
	}
	view := &screen{a: l.a}
	l.cfg.Guard = func(w io.Writer) io.Writer { return l.a.guard(w) }
	l.cfg.Progress = l.progress(view)
	res, err := leaktest.Run(ctx, l.cfg)
	view.clear()
	if several := new(process.AmbiguousError); errors.As(err, &several) {
		l.a.listProcesses(several.Found)
	}
	if res == nil {
		return err
	}
	l.a.warn(slices.DeleteFunc(slices.Clone(res.Warnings), func(w string) bool { return w == res.Ended })...)
	if err = errors.Join(err, l.write(l.a.stdout, res), l.summarize(res)); err == nil {
		return l.outcome(res)
	}
	if res.Ended != "" {
		l.a.warn(res.Ended)
	}
	return err
}

// outcome is the exit code of a run. A server that dies under test has not passed it.
func (l *leaktester) outcome(res *leaktest.Result) error {
	err := l.verdict(res.Verdict, res.Finding)
	switch {
	case res.Ended == "":
		return err
	case err == nil:
		return errors.New(res.Ended)
	}
	l.a.warn(res.Ended)
	return err
}

// progress shows how far the test is, where a person looks on.
func (l *leaktester) progress(view *screen) func(leaktest.Progress) {
	if !l.a.live() {
		return nil
	}
	return func(p leaktest.Progress) {
		view.drawn = time.Time{} // each state is shown
		view.draw(func(w io.Writer, _ report.Painter, width, _ int) error {
			_, err := fmt.Fprintln(w, report.Cut(p.Line(), width))
			return err
		})
	}
}

func (l *leaktester) write(w io.Writer, res *leaktest.Result) error {
	switch l.format.value {
	case "json":
		return res.JSON(w)
	case "junit":
		return res.JUnit(w)
	case "github":
		return res.GitHub(w)
	case "markdown":
		return res.Markdown(w)
	}
	return res.Text(w, l.a.painter(w))
}

// summarize adds the result to the summary of a step of GitHub Actions.
func (l *leaktester) summarize(res *leaktest.Result) error {
	path := l.a.getenv("GITHUB_STEP_SUMMARY")
	if l.format.value != "github" || path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing the step summary: %w", report.Cause(err))
	}
	return errors.Join(res.Markdown(l.a.guard(f)), f.Close())
}
