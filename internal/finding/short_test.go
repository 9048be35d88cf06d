package finding

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShort(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := example().Short(&b); err != nil {
		t.Fatal(err)
	}
	want := `mcpdiag doctor: SICK: 1 fault
- fail session.affinity: 3 of 5 lost, 60%. route by session\n::error::forged
- warn tools.tokens: many | tokens
1 doubt; first: one replica seen
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	r := &Report{Command: "mcpdiag leaktest", Verdict: "leak", Headline: "leak: 1 KB", Warnings: []string{strings.Repeat("x", 500)}}
	for range 9 {
		r.Findings = append(r.Findings, Finding{ID: "a", Severity: Fail, Summary: strings.Repeat("long ", 100)})
	}
	if err := r.Short(&b); err != nil || !strings.HasPrefix(b.String(), "mcpdiag leaktest: LEAK: 1 KB\n") || b.Len() > 1200 || strings.Count(b.String(), "\n") != 6 {
		t.Errorf("%v\n%s", err, b.String())
	}
}
