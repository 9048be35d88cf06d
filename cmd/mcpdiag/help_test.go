package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Every command's help fits 80 columns, shows examples before flags, groups
// many flags, and explains no connection flag.
func TestHelpCanBeScanned(t *testing.T) {
	t.Parallel()
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.Name() != "completion" {
				check(sub)
			}
		}
		o := invoke(t, append(strings.Fields(cmd.CommandPath())[1:], "--help")...)
		o.harmless(t)
		for line := range strings.Lines(o.out) {
			if report.Width(strings.TrimSpace(line)) > 80 && !strings.Contains(line, "mcpdiag ") {
				t.Errorf("%s: too wide: %s", cmd.CommandPath(), line)
			}
		}
		if strings.Count(o.out, "--cacert") > 1 {
			t.Errorf("%s explains connection flags", cmd.CommandPath())
		}
		examples, flags := strings.Index(o.out, "\nExamples:"), strings.Index(o.out, "      --")
		if examples > flags && flags >= 0 {
			t.Errorf("%s: examples come after flags", cmd.CommandPath())
		}
		if ungrouped := len(ungroupedFlags(cmd)); ungrouped > 6 {
			t.Errorf("%s: %d flags have no group", cmd.CommandPath(), ungrouped)
		}
	}
	check(newRootCmd(sealedApp()))
}

func ungroupedFlags(cmd *cobra.Command) (names []string) {
	for _, f := range flagsOf(cmd.LocalFlags()) {
		if groupOf(f) == otherFlags && cmd.Root().PersistentFlags().Lookup(f.Name) == nil && f.Name != "help" {
			names = append(names, f.Name)
		}
	}
	return names
}
