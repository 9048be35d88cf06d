package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// connectionTopic is the help topic that explains the connection flags.
const connectionTopic = "connection"

// helpWriter writes the help of a command: usage and examples first, then the
// description, the commands, and the flags by purpose.
type helpWriter struct {
	b     strings.Builder
	paint report.Painter
	width int
}

// Bounds of the layout: text is not wider than maxHelpWidth, and a flag longer
// than maxNameWidth has its description on the next line.
const (
	maxHelpWidth = 110
	maxNameWidth = 28
)

func (a *app) newHelpWriter(w io.Writer) *helpWriter {
	width, _ := a.size(w)
	return &helpWriter{paint: a.painter(w), width: max(40, min(width, maxHelpWidth))}
}

// setHelp makes all commands below root write their help with helpWriter.
func (a *app) setHelp(root *cobra.Command) {
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		h := a.newHelpWriter(a.stdout)
		h.command(cmd)
		fmt.Fprint(cmd.OutOrStdout(), h.b.String())
	})
	root.SetFlagErrorFunc(flagError)
}

func (h *helpWriter) command(cmd *cobra.Command) {
	h.paragraph(cmd.Short)
	h.heading("Usage")
	if runsItself(cmd) {
		h.line(cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		h.line(cmd.CommandPath() + " COMMAND")
	}
	if cmd.Example != "" {
		h.heading("Examples")
		h.b.WriteString(cmd.Example + "\n")
	}
	if cmd.Long != "" {
		for paragraph := range strings.SplitSeq(cmd.Long, "\n\n") {
			h.b.WriteString("\n")
			h.paragraph(paragraph)
		}
	}
	h.commands(cmd)
	h.flags(cmd)
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&h.b, "\n%q explains a command.\n", cmd.CommandPath()+" COMMAND --help")
	}
}

func (h *helpWriter) heading(text string) {
	h.b.WriteString("\n" + h.paint.Paint(report.Bold, text+":") + "\n")
}

func (h *helpWriter) line(text string) { h.b.WriteString("  " + text + "\n") }

// paragraph writes text as wide as the terminal. Indented lines stay as they are.
func (h *helpWriter) paragraph(text string) {
	var plain []string
	flush := func() {
		if len(plain) > 0 {
			h.b.WriteString(strings.Join(report.WrapWords(strings.Fields(strings.Join(plain, " ")), " ", h.width), "\n") + "\n")
		}
		plain = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, " ") {
			plain = append(plain, line)
			continue
		}
		flush()
		h.b.WriteString(line + "\n")
	}
	flush()
}

// commands lists the commands below cmd, by group where they have one.
func (h *helpWriter) commands(cmd *cobra.Command) {
	for _, group := range append(cmd.Groups(), &cobra.Group{Title: "Commands:"}) {
		var rows [][2]string
		for _, sub := range cmd.Commands() {
			if sub.GroupID == group.ID && (sub.IsAvailableCommand() || sub.Name() == "help") {
				rows = append(rows, [2]string{sub.Name(), sub.Short})
			}
		}
		h.rows(strings.TrimSuffix(group.Title, ":"), rows)
	}
}

// flags lists the flags of cmd by group. Connection flags, which many commands
// share, are only named.
func (h *helpWriter) flags(cmd *cobra.Command) {
	groups, connection := flagGroups(cmd)
	for _, flags := range groups {
		h.rows(groupOf(flags[0]), flagRows(flags))
	}
	h.connection(connection)
	h.rows("Flags of all commands", flagRows(flagsOf(cmd.Root().PersistentFlags())))
}

// flagGroups returns the flags of cmd by group, those without one last, and its
// connection flags. Hidden flags and flags of all commands are left out.
func flagGroups(cmd *cobra.Command) (groups [][]*pflag.Flag, connection []*pflag.Flag) {
	byName, order := map[string][]*pflag.Flag{}, []string{}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || cmd.Root().PersistentFlags().Lookup(f.Name) != nil || f.Name == "help" || f.Name == "version" {
			return
		}
		name := groupOf(f)
		if byName[name] == nil && name != otherFlags && name != connectionGroup {
			order = append(order, name)
		}
		byName[name] = append(byName[name], f)
	})
	if byName[otherFlags] != nil {
		order = append(order, otherFlags)
	}
	for _, name := range order {
		groups = append(groups, byName[name])
	}
	return groups, byName[connectionGroup]
}

// otherFlags is the heading of flags without a group.
const otherFlags = "Flags"

func groupOf(f *pflag.Flag) string {
	if group := f.Annotations[groupMark]; len(group) > 0 {
		return group[0]
	}
	return otherFlags
}

// connection names the connection flags of a command.
func (h *helpWriter) connection(flags []*pflag.Flag) {
	if len(flags) == 0 {
		return
	}
	var names []string
	for _, f := range flags {
		names = append(names, "--"+f.Name)
	}
	h.heading(connectionGroup)
	for _, line := range report.WrapWords(append(names, fmt.Sprintf("(explained by %q)", "mcpdiag help "+connectionTopic)), " ", h.width-2) {
		h.line(line)
	}
}

func flagsOf(fs *pflag.FlagSet) (flags []*pflag.Flag) {
	fs.VisitAll(func(f *pflag.Flag) { flags = append(flags, f) })
	return flags
}

// flagRows describes flags in two columns.
func flagRows(flags []*pflag.Flag) (rows [][2]string) {
	for _, f := range flags {
		left := "    --" + f.Name
		if f.Shorthand != "" {
			left = "-" + f.Shorthand + ", --" + f.Name
		}
		kind, usage := describe(f)
		if kind != "" {
			left += " " + kind
		}
		rows = append(rows, [2]string{left, usage})
	}
	return rows
}

// describe returns a short word for the value of f, and its usage with the
// choices and the default.
func describe(f *pflag.Flag) (kind, usage string) {
	kind, usage = pflag.UnquoteUsage(f)
	choices := strings.Split(f.Value.Type(), "|")
	switch {
	case isMarked(f, pathMark):
		kind = "FILE"
	case len(choices) > 1:
		kind = "WORD"
		if !strings.Contains(usage, choices[len(choices)-1]) {
			usage += ": " + strings.Join(choices, ", ")
		}
	case f.Value.Type() == "stringArray", f.Value.Type() == "string":
		kind = "TEXT"
	default:
		kind = strings.ToUpper(kind)
	}
	if d := f.DefValue; !slices.Contains([]string{"", "0", "0s", "false", "[]", "-"}, d) && !strings.Contains(usage, "(default") {
		usage += " (default " + d + ")"
	}
	return kind, usage
}

// rows writes a section of two columns, the second one wrapped.
func (h *helpWriter) rows(heading string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	h.heading(heading)
	name := 0
	for _, row := range rows {
		if n := report.Width(row[0]); n <= maxNameWidth {
			name = max(name, n)
		}
	}
	for _, row := range rows {
		left := row[0]
		if report.Width(left) > maxNameWidth {
			h.line(left)
			left = ""
		}
		for _, line := range report.WrapWords(strings.Fields(row[1]), " ", h.width-name-4) {
			h.line(left + strings.Repeat(" ", name-report.Width(left)+2) + line)
			left = ""
		}
	}
}

// topic writes the help on the connection flags.
func (h *helpWriter) topic(root *cobra.Command) {
	h.paragraph("Flags of the commands that talk to a server. MCPDIAG_TOKEN gives a bearer token, MCPDIAG_URL the address, and " +
		"so on for every flag. Credentials go only to the addresses that you name; redirects are not followed. --timeout differs by command.")
	poll, _, _ := root.Find([]string{"poll"}) // it has them all
	_, connection := flagGroups(poll)
	h.rows(connectionGroup, flagRows(connection))
}
