package depstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// Wants wants a finding of an id with a severity and a part of its text.
func Wants(t testing.TB, list []finding.Finding, id string, severity finding.Severity, part string) {
	t.Helper()
	for _, f := range list {
		if f.ID == id && f.Severity == severity && strings.Contains(f.Summary+fmt.Sprint(f.Evidence)+f.Hint, part) {
			return
		}
	}
	t.Errorf("no %s %s with %q in:", severity, id, part)
	for _, f := range list {
		t.Logf("%s %s %s %v", f.Severity, f.ID, f.Summary, f.Evidence)
	}
}

// Healthy wants no warning, no failure, and no skip but those that are named.
func Healthy(t testing.TB, list []finding.Finding, skips ...string) {
	t.Helper()
	if len(list) == 0 {
		t.Error("nothing was checked")
	}
	for _, f := range list {
		expected := f.Severity == finding.Skip && slices.Contains(skips, f.ID)
		if f.Severity.Compare(finding.Info) > 0 && !expected {
			t.Errorf("%s %s %s %v", f.Severity, f.ID, f.Summary, f.Evidence)
		}
	}
}
