package leaktest

import (
	"bytes"
	"io"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Whatever a verdict.json says, a report is made of it, in every form.
func FuzzDecode(f *testing.F) {
	var seed bytes.Buffer
	if err := report.WriteJSON(&seed, named("harmless")); err != nil {
		f.Fatal(err)
	}
	f.Add(seed.Bytes())
	f.Add([]byte(`{"schema":"mcpdiag.leaktest/1","phases":[null,{"id":"call","rounds":[{}],"trend":{"span":1e300,"rate":{"bytes":-1e308}}}],"series":[{"t":-1,"mb":1e300}]}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decode(data)
		if err != nil {
			return
		}
		for _, write := range []func(io.Writer) error{
			func(w io.Writer) error { return r.HTML(w, dir) }, r.Report().JUnit, r.Report().GitHub, r.Report().Markdown,
			func(w io.Writer) error { return r.Text(w, false) },
		} {
			if err := write(io.Discard); err != nil {
				t.Fatal(err)
			}
		}
		r.check(&Config{Baseline: r, Budgets: []judge.Budget{{Bytes: 1, Per: "call"}}})
	})
}
