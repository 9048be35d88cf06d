package token

import (
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Text writes the verdict, the findings and the claims.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	_ = r.Report().Text(&b, paint) // a Builder takes everything
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
