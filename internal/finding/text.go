package finding

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// marks stand before each finding of the text.
var marks = map[Severity]struct {
	word  string
	style report.Style
}{
	Pass: {"ok", report.Good}, Info: {"info", report.Plain}, Skip: {"skip", report.Faint}, Warn: {"warn", report.Caution}, Fail: {"FAIL", report.Bad},
}

// Text writes the verdict and the findings. A warning and a failure have their evidence
// and a line on the way out.
func (r *Report) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n\n", paint.Paint(marks[r.Severity].style, strings.ToUpper(string(r.Verdict))), report.Line(r.Headline))
	t := report.Table{Indent: "  "}
	for _, f := range r.Findings {
		m := marks[f.Severity]
		t.Styled(m.style, m.word, f.ID, f.Summary)
		if f.Severity != Fail && f.Severity != Warn {
			continue
		}
		for _, e := range f.Evidence[:min(len(f.Evidence), evidenceShown)] {
			t.Row("", "", "  "+e.Text)
		}
		if f.Hint != "" {
			t.Row("", "", "→ "+f.Hint)
		}
	}
	_ = t.Write(&b, paint) // a Builder takes everything
	_, err := io.WriteString(w, b.String())
	return err
}

// Text writes a table with its title and note.
func (t *Table) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	if t.Title != "" {
		b.WriteString(paint.Paint(report.Bold, report.Line(t.Title)) + "\n")
	}
	rows := report.Table{Indent: "  ", Right: t.Right}
	if t.Header != nil {
		rows.Styled(report.Faint, t.Header...)
	}
	for _, row := range t.Rows {
		rows.Row(row...)
	}
	_ = rows.Write(&b, paint) // a Builder takes everything
	if t.Note != "" {
		b.WriteString("  " + report.Line(t.Note) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
