package main

import (
	"fmt"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// suggestion returns the command below cmd, or the other name, that a mistyped
// name may have meant, or "".
func suggestion(cmd *cobra.Command, name string, others ...string) string {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			others = append(others, sub.Name())
		}
	}
	if closest := report.Closest(name, others); closest != "" {
		return closest
	}
	if found := cmd.SuggestionsFor(name); len(found) > 0 { // by SuggestFor
		return found[0]
	}
	return ""
}

// onlyCommands marks a command that does nothing but hold subcommands.
const onlyCommands = "only-commands"

// holdCommands makes cmd print its help, and refuse an unknown subcommand.
func holdCommands(cmd *cobra.Command) {
	cmd.Annotations = map[string]string{onlyCommands: ""}
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return usagef("unknown command %q for %q%s", args[0], cmd.CommandPath(), report.DidYouMean(suggestion(cmd, args[0])))
	}
}

// runsItself reports whether cmd does something without a subcommand.
func runsItself(cmd *cobra.Command) bool {
	_, group := cmd.Annotations[onlyCommands]
	return cmd.Runnable() && !group
}

// refuseMistyped refuses the first operand of a command with subcommands if it is
// a word like one of them: otherwise the error would be that of a strange address
// or program.
func refuseMistyped(cmd *cobra.Command, operands []string) error {
	if len(operands) == 0 || strings.ContainsAny(operands[0], ":/.") {
		return nil
	}
	if name := suggestion(cmd, operands[0]); name != "" {
		return usagef("unknown command %q for %q (did you mean %q?); a server of that name is http://%[1]s", operands[0], cmd.CommandPath(), name)
	}
	return nil
}

// refuseMistypedProgram refuses a program that does not exist, before which there is
// no --, if it is a word like a subcommand.
func refuseMistypedProgram(cmd *cobra.Command, program string) error {
	name := suggestion(cmd, program)
	if _, err := exec.LookPath(program); err == nil || name == "" || cmd.ArgsLenAtDash() >= 0 {
		return nil
	}
	return usagef("unknown command %q for %q (did you mean %q?), and no program of that name; put -- before the command of a server", program, cmd.CommandPath(), name)
}

// flagError adds the flag that a mistyped one may have meant, and names the flag of
// an invalid value.
func flagError(cmd *cobra.Command, err error) error {
	switch e := err.(type) { //nolint:errorlint // pflag does not wrap them
	case *pflag.InvalidValueError:
		return fmt.Errorf("--%s: %w", e.GetFlag().Name, valueError(e.GetFlag(), e.GetValue(), e.Unwrap()))
	case *pflag.NotExistError:
		if name := withoutValue(cmd); name != "" {
			return fmt.Errorf("--%s needs a value: it took the -- that separates the command", name)
		}
		if name := report.Closest(e.GetSpecifiedName(), flagNames(cmd)); name != "" {
			return fmt.Errorf("%w (did you mean --%s?)", err, name)
		}
	}
	return err
}

// flagNames returns the names of the flags that the help of cmd shows.
func flagNames(cmd *cobra.Command) (names []string) {
	for _, f := range flagsOf(cmd.Flags()) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	}
	return names
}

// withoutValue returns the flag whose value is "--", or "": what follows is then read as
// flags of ours.
func withoutValue(cmd *cobra.Command) (name string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && f.Value.String() == "--" {
			name = f.Name
		}
	})
	return name
}

// wantedValues describe the values of flags whose errors pflag words.
var wantedValues = map[string]string{"int": "a whole number", "int64": "a whole number", "float64": "a number", "bool": "true or false", "boolfunc": "true or false"}

// valueError returns the error of a value that f refused with err.
func valueError(f *pflag.Flag, value string, err error) error {
	if want := wantedValues[f.Value.Type()]; want != "" {
		return fmt.Errorf("invalid value %q: must be %s", value, want)
	}
	return err
}
