package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/loadtest"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// maxUsers bounds the virtual users of a run.
const maxUsers = 100_000

func newLoadtestCmd(a *app) *cobra.Command {
	var conn connection
	var cfg loadtest.Config
	var args, output string
	var format, protocol choice
	cmd := &cobra.Command{
		Use:   "loadtest [URL]",
		Short: "Make many virtual users call a server's tool",
		Long: `loadtest has each virtual user open an MCP session, call a tool again and again and
end the session, in rounds. It speaks Streamable HTTP, with sessions (2025-03-26
to 2025-11-25) and without (2026-07-28), and finds out which the server wants.

A call has failed if there was no answer, an HTTP error, a JSON-RPC error or a
result with isError: the report counts them apart.`,
		Example: `  mcpdiag loadtest
  mcpdiag loadtest http://localhost:9901/mcp --users 40 --calls 10 --rounds 3 --delay 10
  mcpdiag loadtest --tool search --args '{"query": "leak"}' --format json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, operands []string) (err error) {
			if cfg.Users > maxUsers {
				return usagef("--users is at most %d", maxUsers)
			}
			if cfg.Args, err = toolArguments(args); err != nil {
				return err
			}
			if protocol.value != "auto" {
				cfg.Protocol = protocol.value
			}
			return runLoadtest(cmd, a, &conn, cfg, operands, output, format)
		},
	}
	fs := cmd.Flags()
	positiveVar(fs, &cfg.Users, "users", 40, "virtual users, each with a session of its own")
	positiveVar(fs, &cfg.Calls, "calls", 10, "calls of each user, in each round")
	positiveVar(fs, &cfg.Rounds, "rounds", 1, "rounds")
	durationVar(fs, &cfg.Delay, "delay", 10*time.Second, "time between rounds")
	fs.StringVar(&cfg.Tool, "tool", "", "the tool to call (the first that the server offers)")
	fs.StringVar(&args, "args", "", "its arguments, a JSON object or @file (made from the tool's input schema)")
	choiceVar(cmd, fs, &protocol, "protocol", "MCP revision to speak", append([]string{"auto"}, mcp.Revisions...)...)
	fs.StringVarP(&output, "output", "o", "-", "write the result to this file")
	choiceVar(cmd, fs, &format, "format", "how the result is written", "text", "json")
	conn.addFlags(fs, 30*time.Second)
	return cmd
}

// toolArguments reads --args.
func toolArguments(text string) (jsontext.Value, error) {
	data := []byte(text)
	if file, ok := strings.CutPrefix(text, "@"); ok {
		var err error
		if data, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("reading --args: %w", err)
		}
	}
	if len(data) == 0 {
		return nil, nil
	}
	v := jsontext.Value(data)
	if !v.IsValid() || v.Kind() != '{' {
		return nil, usagef(`--args is not a JSON object such as {"query": "leak"}`)
	}
	return v, nil
}

func runLoadtest(cmd *cobra.Command, a *app, conn *connection, cfg loadtest.Config, operands []string, output string, format choice) error {
	targets, err := conn.targets(operands, mcpPath)
	if err != nil {
		return err
	}
	c, err := conn.open(a, targets, cfg.Users)
	if err != nil {
		return err
	}
	cfg.Endpoint = mcp.Endpoint{HTTP: c.HTTP(), URL: targets[0].String()}
	cfg.Timeout = c.Timeout()
	cfg.Client = c
	view := &screen{a: a}
	if a.live() {
		live := loadtest.NewLive(&cfg.Plan)
		cfg.Progress = func(p loadtest.Progress) {
			live.Add(p)
			view.draw(func(w io.Writer, paint report.Painter, width, _ int) error { return live.Write(w, paint, width) })
		}
	}
	res, err := loadtest.Run(cmd.Context(), cfg)
	view.clear()
	if err != nil {
		return err
	}
	a.warn(res.Warnings...)
	err = a.write(output, func(w io.Writer) error {
		if format.value == "json" {
			return writeJSON(w, res)
		}
		return res.Text(w, a.painter(w))
	})
	if err == nil && res.Verdict == loadtest.VerdictFailed {
		return errors.New("no call succeeded")
	}
	return err
}
