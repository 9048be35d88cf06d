package main

import (
	"maps"
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// foundMayNotSet are the flags that a config file which nobody named may not set.
var foundMayNotSet = []string{
	"header", "token-file", "cacert", "cert", "key", "insecure", // credentials, and who is trusted
	"plan", "read", "compare", "base", "baseline", "judge", // files that are read
	"listen", "to", "allow-host", "allow-origin", "serve", // listeners
	"pid", "name", "gc-url", "gc-signal", "destructive", "probe-orphans", // what is done to processes and servers
	"leak-session", "leak-call", "leak-abandoned", // faults of the demo
	"force", // files that are there already
	"config", "help",
}

// Each flag of each command is one that a found config file may set, or one
// that it may not: a new flag must be decided.
func TestFoundConfigIsDecidedForEachFlag(t *testing.T) {
	flags := map[string]bool{}
	var collect func(cmd *cobra.Command)
	collect = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { flags[f.Name] = true })
		cmd.PersistentFlags().VisitAll(func(f *pflag.Flag) { flags[f.Name] = true })
		for _, sub := range cmd.Commands() {
			if sub.Name() != "completion" {
				collect(sub)
			}
		}
	}
	collect(newRootCmd(sealedApp()))
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if may, mayNot := slices.Contains(foundMaySet, name), slices.Contains(foundMayNotSet, name); may == mayNot {
			t.Errorf("--%s: may be set is %v, may not be set is %v", name, may, mayNot)
		}
	}
	for _, name := range slices.Concat(foundMaySet, foundMayNotSet) {
		if !flags[name] && name != "help" {
			t.Errorf("%s is no flag", name)
		}
	}
}
