package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each command has a page that groff formats without a warning, with its flags.
func TestManPages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	invoke(t, "man", "--all", dir).wants(t, exitOK, "")
	pages := glob(t, filepath.Join(dir, "*.1"))
	if len(pages) < 20 {
		t.Errorf("%d pages", len(pages))
	}
	if page := textOf(t, filepath.Join(dir, "mcpdiag-loadtest.1")); !strings.Contains(page, ".B \\-\\-users N\nvirtual users") || !strings.Contains(page, ".B \\-\\-cacert FILE") {
		t.Errorf("the page of loadtest: %.3000s", page)
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is missing: it comes with Debian's groff-base")
	}
	cmd := exec.CommandContext(t.Context(), groff, append([]string{"-man", "-ww", "-z", "-Tutf8"}, pages...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil || said.Len() > 0 {
		t.Errorf("groff: %v\n%.2000s", err, said.String())
	}
}

func TestRoff(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{".TH x": `\&.TH x`, "'br": `\&'br`, `a\b -x`: `a\eb \-x`, "5…": `5\[u2026]`} {
		if got := roff(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
