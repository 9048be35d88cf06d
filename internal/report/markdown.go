package report

import (
	"strings"
)

var markdown = strings.NewReplacer(
	"\\", "\\\\", "|", "\\|", "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`", "*", "\\*", "_", "\\_",
	"[", "\\[", "]", "\\]", "!", "\\!", "#", "\\#", "@", "&#64;", "~", "\\~",
)

// Inline escapes foreign text as plain text on one line of Markdown.
func Inline(s string) string { return markdown.Replace(Line(s)) }

// MarkdownTable returns a table of GitHub-flavoured Markdown. The columns in right
// are right-aligned.
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

// CSVText escapes text for a cell of a CSV file, so that spreadsheets do not
// evaluate it as a formula. The CSV writer adds quotes.
func CSVText(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		s = "'" + s
	}
	return Line(s)
}
