package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The settings of the user reach neither a sealed command nor its children.
func TestSealed(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(localConfig, []byte("format: json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MCPDIAG_TOKEN", "sentinel")
	t.Setenv("MCPDIAG_TARGET", "none")
	var out, errs strings.Builder
	if code := sealedApp().run(t.Context(), []string{"diff", "no.json", "no.json"}, &out, &errs); code != exitFailure {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if token := sealedApp().getenv("MCPDIAG_TOKEN"); token != "" {
		t.Errorf("it sees the token %s", token)
	}
	env := sealedApp().childEnv()
	for _, want := range []string{"MCPDIAG_TOKEN=", "MCPDIAG_TARGET=", "MCPDIAG_CONFIG=" + os.DevNull} {
		if !slices.Contains(env, want) {
			t.Errorf("children do not get %s", want)
		}
	}
	if env := (&app{}).childEnv(); env != nil {
		t.Errorf("children of others get %q", env)
	}
}
