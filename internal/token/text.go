package token

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// marks stand before each finding of the text.
var marks = map[finding.Severity]struct {
	word  string
	style report.Style
}{
	finding.Pass: {"ok", report.Good}, finding.Info: {"info", report.Plain}, finding.Skip: {"skip", report.Faint}, finding.Warn: {"warn", report.Caution}, finding.Fail: {"FAIL", report.Bad},
}

// Text writes the verdict, the findings and the claims.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	worst := finding.Worst(r.Findings)
	fmt.Fprintf(&b, "%s  %s\n\n", paint.Paint(marks[worst].style, strings.ToUpper(string(r.Verdict))), report.Line(r.headline()))
	t := report.Table{Indent: "  "}
	for _, f := range r.Findings {
		m := marks[f.Severity]
		t.Styled(m.style, m.word, f.ID, f.Summary)
		if f.Hint != "" && (f.Severity == finding.Fail || f.Severity == finding.Warn) {
			t.Row("", "", "→ "+f.Hint)
		}
	}
	_ = t.Write(&b, paint) // a Builder takes everything
	if len(r.Claims) > 0 {
		b.WriteString("\n")
		claims := report.Table{Indent: "  "}
		for _, c := range r.Claims {
			claims.Row(c.Name, c.Value, c.Note)
		}
		_ = claims.Write(&b, paint) // a Builder takes everything
	}
	_, err := io.WriteString(w, b.String())
	return err
}
