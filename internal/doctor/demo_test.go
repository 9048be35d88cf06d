package doctor

import (
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
)

// demoFacts examines the demo server with faults.
func demoFacts(t *testing.T, f demo.Fault) *facts.Facts {
	t.Helper()
	cfg := demo.Config{Faults: []string{f.Name}}
	if f.Name == "" {
		cfg.Faults = nil
	}
	if f.Stdio {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		return gather.Command(t.Context(), gather.CommandOptions{Args: []string{self, "demo", f.Name}, Deadline: 20 * time.Second})
	}
	s := httptest.NewServer(demo.New(cfg).Handler())
	t.Cleanup(s.Close)
	return examine(t, s.URL+"/mcp", "")
}

// TestDemoFaults wants of each fault of the demo server its check as the only root
// cause, named in the headline, and none of the healthy one.
func TestDemoFaults(t *testing.T) {
	t.Parallel()
	for _, f := range append(demo.Faults(), demo.Fault{}, demo.Fault{Stdio: true}) {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			var facts *facts.Facts
			if f.Needs == "" {
				facts = demoFacts(t, f)
			} else {
				facts = examineMore(t, slowDemo(f.Name), gather.Options{SlowTool: strings.TrimPrefix(f.Needs, "--slow-tool ")})
			}
			r := Judge(facts, Judgement{})
			if f.Check == "" {
				if len(r.RootCauses) > 0 {
					t.Errorf("the healthy server has %q\n%s", r.RootCauses, shown(r))
				}
				return
			}
			if !slices.Equal(r.RootCauses, []string{f.Check}) || r.worst().ID != f.Check {
				t.Errorf("root causes %q, want only %s\n%s", r.RootCauses, f.Check, shown(r))
			}
		})
	}
}
