package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/k6"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

func newLoadtestInitCmd(a *app) *cobra.Command {
	l := &loader{a: a}
	var schema string
	cmd := &cobra.Command{
		Use:   "init [URL] [-- COMMAND…]",
		Short: "Write a plan file with the tools of a server",
		Long: `init writes a plan file that calls the tools, resources and prompts of a server, for
editing. It calls each of them once: failing ones become comments with the error, and the
latency threshold is three times the slowest call. Tools that are declared destructive or
open to the world, or that run only as tasks, are left out. An existing file is not
replaced.`,
		Example: `  mcpdiag loadtest init http://localhost:3100 -o plan.yaml --schema plan.schema.json
  mcpdiag loadtest --plan plan.yaml --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			operands, command := splitDash(cmd, args)
			return errors.Join(cobra.MaximumNArgs(1)(cmd, operands), refusePort(cmd, command))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			operands, command := splitDash(cmd, args)
			l.opts.Command = command
			return l.init(cmd, operands, schema)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&l.output, "output", "o", "-", "write the plan to this file")
	fs.BoolVar(&l.dryRun, "dry-run", false, "do not call the steps")
	fs.BoolVar(&l.force, "force", false, "replace an existing file, including your edits")
	fs.StringVar(&schema, "schema", "", "also write the JSON Schema of plans to this file, for editors")
	fs.BoolVar(&l.plan.choice.Destructive, "destructive", false, "also tools that are declared destructive or open to the world")
	fs.BoolVar(&l.plan.choice.ReadOnly, "read-only", false, "only tools that are declared read-only")
	l.conn.addFlags(fs, 30*time.Second)
	foundMaySet(fs, "dry-run")
	paths(fs, "output", "schema")
	return cmd
}

// init writes a plan file.
func (l *loader) init(cmd *cobra.Command, operands []string, schema string) error {
	if err := l.check(false, operands); err != nil {
		return err
	}
	if info, err := os.Stat(l.output); err == nil && info.Mode().IsRegular() && !l.force {
		return fmt.Errorf("%s exists and may have been edited; choose another file with -o, or replace it with --force", l.output)
	}
	p := &plan.Plan{Seed: 1, Stages: []plan.Stage{{Users: 1, Calls: 1}}, Choice: l.plan.choice}
	runner, err := l.prepare(cmd, p, operands)
	if err != nil {
		return err
	}
	defer runner.Close()
	runner.AddListed(cmd.Context())
	if !l.dryRun {
		runner.Try(cmd.Context())
	}
	p = runner.Plan()
	name := "a server on stdio"
	if len(l.opts.Command) == 0 {
		targets, err := l.conn.targets(operands, mcpPath)
		if err != nil {
			return err
		}
		p.URL = client.RedactURL(targets[0])
		name = p.URL
	}
	if schema != "" {
		if err := l.a.write(schema, writeBytes(plan.Schema)); err != nil {
			return err
		}
	}
	return l.a.write(l.output, func(w io.Writer) error { return p.Write(w, name, schema) })
}

func writeBytes(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

func newLoadtestMergeCmd(a *app) *cobra.Command {
	var output string
	var format choice
	cmd := &cobra.Command{
		Use:   "merge RESULT RESULT…",
		Short: "Add results of the same load",
		Long: `merge adds the JSON results of runs that loaded a server together, from several
machines: calls, errors and latency distributions.`,
		Example: `  mcpdiag loadtest merge a.json b.json -o both.json`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, files []string) error {
			var all []*result.Result
			for _, file := range files {
				res, err := readInput(a, file, result.Read)
				if err != nil {
					return err
				}
				all = append(all, res)
			}
			res, err := result.Merge(all)
			if err != nil {
				return err
			}
			a.warn(res.Warnings...)
			return a.writeResult(output, format.value, res)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&output, "output", "o", "-", "write the result to this file")
	choiceVar(cmd, fs, &format, "format", "format of the result", "json", "text", "markdown", "junit", "github", "html")
	foundMaySet(fs, "format")
	paths(fs, "output")
	return cmd
}

func newLoadtestExportCmd(a *app) *cobra.Command {
	var output, url string
	var pods int
	toK6 := &cobra.Command{
		Use:   "k6 PLAN",
		Short: "Convert a plan to a script for k6",
		Long: `k6 writes a script for k6 (https://k6.io) that follows the plan: stages, sessions, headers
of each revision, arguments, checks and thresholds. The address is that of the plan,
--url, or MCP_URL when the script runs.

With --operator it writes what the k6 operator of a Kubernetes cluster wants instead: the
script in a ConfigMap, and a TestRun that plays it from that many pods. With --url, a token
comes from the key token of the Secret mcpdiag-token, if there is one.

A token goes only to the address of --url or MCP_URL, not to that of the plan.`,
		Example: `  mcpdiag loadtest export k6 plan.yaml > plan.js
  k6 run plan.js
  mcpdiag loadtest export k6 plan.yaml --url http://server.default:3000/mcp --operator 4 | kubectl apply -f -`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := plan.Read(a.ctx, args[0])
			if err != nil {
				return err
			}
			named := url != "" || p.URL == ""
			target, err := client.ParseTarget(cmp.Or(url, p.URL, defaultURL), mcpPath)
			if err != nil {
				return usageError{err}
			}
			if len(client.SecretsIn(target)) > 0 {
				return usagef("the address contains a credential, which the script would reveal; omit it and set MCP_URL when the script runs")
			}
			p.URL = target.String()
			if pods == 0 {
				return a.write(output, func(w io.Writer) error { return k6.Export(w, p, named) })
			}
			if client.IsLoopback(target.Hostname()) {
				return usagef("%s is the pod itself in a cluster; name the service with --url, such as http://server.default:3000/mcp", target.Host)
			}
			return a.write(output, func(w io.Writer) error { return k6.Manifests(w, p, named, pods) })
		},
	}
	toK6.Flags().StringVarP(&output, "output", "o", "-", "write the script to this file")
	toK6.Flags().StringVar(&url, "url", "", "address of the server (default: that of the plan)")
	positiveVar(toK6.Flags(), &pods, "operator", 0, "write the manifests of the k6 operator, for this many pods")
	paths(toK6.Flags(), "output")
	cmd := &cobra.Command{Use: "export", Short: "Convert a plan for another tool"}
	holdCommands(cmd)
	cmd.AddCommand(toK6)
	return cmd
}

func newLoadtestSchemaCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the plan file",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return writeBytes(plan.Schema)(cmd.OutOrStdout())
		},
	}
}
