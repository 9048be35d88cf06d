package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// applyDefaults sets each flag of cmd that is not on the command line from the
// environment (MCPDIAG_TOKEN_FILE for --token-file), else from the config file.
func (a *app) applyDefaults(cmd *cobra.Command) error {
	if a.sealed {
		return nil
	}
	if !cmd.Flags().Changed("config") {
		a.config = a.getenv("MCPDIAG_CONFIG")
	}
	file, err := a.readConfig(cmd)
	if err != nil {
		return err
	}
	a.preset = map[string]bool{}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil || f.Name == "help" || f.Name == "config" {
			return
		}
		name := "MCPDIAG_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := a.getenv(name); value != "" {
			a.preset[f.Name] = true
			if err := f.Value.Set(value); err != nil {
				failed = fmt.Errorf("%s: %w", name, valueError(f, value, err))
			}
			return
		}
		if node, ok := file.values[f.Name]; ok {
			a.preset[f.Name] = true
			failed = file.set(f, node)
			a.foundURL = a.foundURL || f.Name == "url" && file.found
		}
	})
	return failed
}

// given reports whether the flag was set: on the command line, in the environment
// or in a config file. cmd.Flags().Changed covers the command line alone.
func (a *app) given(cmd *cobra.Command, flag string) bool {
	return a.preset[flag] || cmd.Flags().Changed(flag)
}
