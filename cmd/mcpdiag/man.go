package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

func newManCmd(a *app) *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use:   "man [COMMAND]",
		Short: "Print a manual page, or write all of them",
		Long:  `man prints the manual page of mcpdiag or of one of its commands. The packages contain all pages.`,
		Example: `  mcpdiag man loadtest | man -l -
  mcpdiag man --all ~/.local/share/man/man1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			switch {
			case err != nil:
				return usageError{err}
			case len(rest) > 0:
				return usagef("there is no command %q%s", strings.Join(args, " "), report.DidYouMean(suggestion(about, rest[0])))
			case folder != "":
				defer a.note("wrote %s", folder)
				return a.writePages(cmd.Root(), folder)
			}
			return a.write("-", func(w io.Writer) error { return manPage(w, about) })
		},
	}
	cmd.Flags().StringVar(&folder, "all", "", "write the pages of all commands into this folder")
	paths(cmd.Flags(), "all")
	return cmd
}

// writePages writes the page of cmd and of each command below it.
func (a *app) writePages(cmd *cobra.Command, folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	err := a.writeFile(filepath.Join(folder, pageName(cmd)+".1"), func(w io.Writer) error { return manPage(w, cmd) })
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "completion" {
			err = errors.Join(err, a.writePages(sub, folder))
		}
	}
	return err
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage writes the help of cmd in the man macros of roff.
func manPage(w io.Writer, cmd *cobra.Command) error {
	var b strings.Builder
	name := pageName(cmd)
	fmt.Fprintf(&b, ".TH %s 1 %q %q\n", strings.ToUpper(strings.ReplaceAll(name, "-", "\\-")), commitDate(), "mcpdiag "+version())
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.nf\n%s\n", roff(cmd.UseLine()))
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "%s COMMAND\n", roff(cmd.CommandPath()))
	}
	b.WriteString(".fi\n")
	if cmd.Long != "" {
		b.WriteString(".SH DESCRIPTION\n" + roffText(cmd.Long))
	}
	manCommands(&b, cmd)
	manFlags(&b, cmd)
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n.nf\n" + roff(cmd.Example) + "\n.fi\n")
	}
	b.WriteString(".SH EXIT STATUS\n0: nothing found. 1: could not do it. 2: wrong command line. 3: a finding.\n")
	if cmd.HasParent() {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(pageName(cmd.Parent())))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func manCommands(b *strings.Builder, cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	b.WriteString(".SH COMMANDS\n")
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			fmt.Fprintf(b, ".TP\n.BR %s (1)\n%s\n", roff(pageName(sub)), roff(sub.Short))
		}
	}
}

// manFlags writes the flags of cmd by group. Of the connection flags the help says only
// the names; a page has them all.
func manFlags(b *strings.Builder, cmd *cobra.Command) {
	b.WriteString(".SH OPTIONS\n")
	groups, connection := flagGroups(cmd)
	if len(connection) > 0 {
		groups = append(groups, connection)
	}
	for _, flags := range groups {
		manRows(b, groupOf(flags[0]), flags)
	}
	manRows(b, "Flags of all commands", flagsOf(cmd.Root().PersistentFlags()))
}

func manRows(b *strings.Builder, heading string, flags []*pflag.Flag) {
	fmt.Fprintf(b, ".SS %s\n", roff(heading))
	for _, row := range flagRows(flags) {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(strings.TrimSpace(row[0])), roff(row[1]))
	}
}

// roff returns text that roff prints as it is.
func roff(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.NewReplacer("\\", "\\e", "-", "\\-").Replace(report.Line(line))
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = "\\&" + line
		}
		lines = append(lines, ascii(line))
	}
	return strings.Join(lines, "\n")
}

// ascii writes other characters by their numbers: roff takes the bytes of UTF-8 for Latin-1.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 0x7f {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}

// roffText is roff for paragraphs. Indented lines stay as they are.
func roffText(text string) string {
	var b strings.Builder
	fixed := false
	for line := range strings.SplitSeq(text, "\n") {
		indented := strings.HasPrefix(line, " ")
		if indented != fixed {
			b.WriteString(map[bool]string{true: ".nf\n", false: ".fi\n"}[indented])
			fixed = indented
		}
		if line == "" {
			line = ".PP"
		} else {
			line = roff(line)
		}
		b.WriteString(line + "\n")
	}
	if fixed {
		b.WriteString(".fi\n")
	}
	return b.String()
}

// commitDate returns the day of the commit of this build, "" if it is unknown, so that
// pages of one commit are the same.
func commitDate() string {
	day, _, _ := strings.Cut(commitOf(buildInfo()).date, "T")
	return day
}
