package heap

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The list of the standard library is that of the Go that builds this.
func TestStandardLibrary(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "std").Output()
	if err != nil {
		t.Skip("go list std: ", err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if first, _, _ := strings.Cut(name, "/"); !slices.Contains(standard, first) {
			t.Errorf("%s is missing", first)
		}
	}
	for function, want := range map[string]bool{"runtime.malg proc.go:5": true, "net/http.(*conn).serve server.go:1": true, "main.main main.go:1": false, "example.org/net.Dial x.go:1": false, "(root)": false} {
		if got := ofLibrary(function); got != want {
			t.Errorf("%s: %v", function, got)
		}
	}
}
