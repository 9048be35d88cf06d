package report

import "testing"

func TestShellLine(t *testing.T) {
	t.Parallel()
	got := ShellLine([]string{"mcpdiag", "--args", `{"a": 1}`, "it's", "", "{port}", "a/b.ndjson", "größe"})
	if want := `mcpdiag --args '{"a": 1}' 'it'\''s' '' '{port}' a/b.ndjson größe`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
