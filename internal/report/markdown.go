package report

import (
	"strings"
)

var markdown = strings.NewReplacer(
	"\\", "\\\\", "|", "\\|", "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`", "*", "\\*", "_", "\\_",
	"[", "\\[", "]", "\\]", "!", "\\!", "#", "\\#", "@", "&#64;", "~", "\\~",
)

// Inline makes text from outside plain text of one line of Markdown.
func Inline(s string) string { return markdown.Replace(Line(s)) }

// MarkdownTable is a table of GitHub-flavoured Markdown; the columns in right
// are aligned there.
func MarkdownTable(right map[int]bool, header []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		for _, cell := range cells {
			b.WriteString("| " + Inline(cell) + " ")
		}
		b.WriteString("|\n")
	}
	line(header)
	for i := range header {
		if right[i] {
			b.WriteString("|---:")
		} else {
			b.WriteString("|---")
		}
	}
	b.WriteString("|\n")
	for _, cells := range rows {
		line(cells)
	}
	return b.String()
}

// WorkflowMessage escapes the message of a workflow command of GitHub Actions.
func WorkflowMessage(s string) string { return strings.ReplaceAll(Line(s), "%", "%25") }

// WorkflowProperty escapes a property of a workflow command, such as its title.
func WorkflowProperty(s string) string {
	return strings.NewReplacer("%", "%25", ":", "%3A", ",", "%2C").Replace(Line(s))
}

// CSVText makes a text harmless in a cell of a CSV file: a spreadsheet must not
// take it for a formula. Quoting is the writer's.
func CSVText(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		s = "'" + s
	}
	return Line(s)
}
