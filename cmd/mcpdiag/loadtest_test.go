package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/demo"
)

// loadtest has at most 30 flags of its own, beside those of the connection and the
// output that all commands have, and the databases that leaktest and deps name alike; the
// rest is said in a plan.
func TestLoadtestHasFewFlags(t *testing.T) {
	t.Parallel()
	own := 0
	newLoadtestCmd(sealedApp()).Flags().VisitAll(func(f *pflag.Flag) {
		heading := f.Annotations[groupMark]
		common := len(heading) > 0 && (heading[0] == connectionGroup || heading[0] == heldGroup) || f.Name == "output" || f.Name == "format"
		if !f.Hidden && !common {
			own++
		}
		if len(heading) == 0 {
			t.Errorf("--%s has no heading in the help", f.Name)
		}
	})
	if own > 30 {
		t.Errorf("loadtest has %d flags of its own, want at most 30", own)
	}
}

// TestPlanURLGetsNoCredentials checks that only a server that the user named, on the
// command line or in the environment, gets the token.
func TestPlanURLGetsNoCredentials(t *testing.T) {
	t.Setenv("MCPDIAG_TOKEN", "s3cret")
	var got atomic.Value
	handler := demo.New(demo.Config{}).Handler()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"))
		handler.ServeHTTP(w, r)
	}))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(file, []byte("url: "+srv.URL+"\nstages: [{users: 1, calls: 1}]\nsteps: [{tool: echo, args: {}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, env string
		args      []string
		want      string
	}{
		{"the plan's url", "", nil, ""},
		{"an operand", "", []string{srv.URL}, "Bearer s3cret"},
		{"--url", "", []string{"--url", srv.URL}, "Bearer s3cret"},
		{"MCPDIAG_URL", srv.URL, nil, "Bearer s3cret"},
	} {
		t.Setenv("MCPDIAG_URL", tc.env)
		mcpdiag(t, exitOK, append([]string{"loadtest", "--plan", file}, tc.args...)...)
		if got.Load() != tc.want {
			t.Errorf("%s: the server got %q, want %q", tc.name, got.Load(), tc.want)
		}
	}
}
