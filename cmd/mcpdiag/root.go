package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// newRootCmd returns the root command.
func newRootCmd(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "mcpdiag",
		Short: "Diagnose MCP servers",
		Long: `mcpdiag diagnoses MCP servers: calls that hang, where the time goes, memory leaks and
the operation that causes them, and behaviour under load.

Start with:  mcpdiag demo`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	holdCommands(root)
	flags := root.PersistentFlags()
	choiceVar(root, flags, &a.color, "color", "colour the output", "auto", "always", "never")
	flags.StringVar(&a.config, "config", "", "read defaults from this file (mcpdiag.yaml if there is one)")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print no progress")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "print each exchange and each skipped line to standard error")
	foundMaySet(flags, "color", "quiet", "verbose")
	paths(flags, "config")
	addGroups(root, a)
	root.Version = version()
	root.SetVersionTemplate("mcpdiag {{.Version}}\n")
	a.setHelp(root)
	root.SetHelpCommand(newHelpCmd(a, root))
	root.SetCompletionCommandGroupID("more")
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.Args = cobra.NoArgs // cobra would take a shell that it does not know for a wish for help
		completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	for _, cmd := range root.Commands() {
		a.prepare(cmd)
	}
	return root
}

func addGroups(root *cobra.Command, a *app) {
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"diagnose", "Diagnose:", []*cobra.Command{newDoctorCmd(a), newTokenCmd(a), newLogsCmd(a), newDepsCmd(a), newMetricsCmd(a)}},
		{"watch", "Watch:", []*cobra.Command{newPollCmd(a), newMonitorCmd(a), newProxyCmd(a)}},
		{"explain", "Explain:", []*cobra.Command{newFlameCmd(a), newDiffCmd(a), newHeapCmd(a), newReportCmd(a)}},
		{"stress", "Stress:", []*cobra.Command{newLoadtestCmd(a), newLeaktestCmd(a)}},
		{"try", "Try:", []*cobra.Command{newDemoCmd(a)}},
		{"more", "More:", []*cobra.Command{newMCPCmd(a), newBundleCmd(a), newSchemaCmd(a), newManCmd(a), newVersionCmd()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.id
			root.AddCommand(cmd)
		}
	}
}

// prepare wraps cmd so that its flags get values from the environment and the config
// file, and its errors become runErrors.
func (a *app) prepare(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false // the help has them in the order of their definition
	for _, sub := range cmd.Commands() {
		a.prepare(sub)
	}
	run := cmd.RunE
	if run == nil {
		return
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := a.applyDefaults(cmd); err != nil {
			return usageError{err}
		}
		if err := run(cmd, args); err != nil {
			return runError{err}
		}
		return nil
	}
}

// newHelpCmd returns the help command. Cobra's own exits 0 for an unknown command.
func newHelpCmd(a *app, root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND | " + connectionTopic + "]",
		Short:   "Help about a command, or about the connection flags",
		GroupID: "more",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == connectionTopic {
				h := a.newHelpWriter(a.stdout)
				h.topic(root)
				_, err := io.WriteString(a.stdout, h.b.String())
				return err
			}
			cmd, rest, err := root.Find(args)
			if err == nil && len(rest) > 0 {
				return usagef("there is no command %q%s", strings.Join(args, " "), report.DidYouMean(suggestion(cmd, rest[0], connectionTopic)))
			}
			if err != nil {
				return usageError{err}
			}
			return cmd.Help()
		},
	}
}
