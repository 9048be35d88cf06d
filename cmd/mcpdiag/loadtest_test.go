package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
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
// command line, in the environment or in a file of --config, gets credentials, wherever
// they come from.
func TestPlanURLGetsNoCredentials(t *testing.T) {
	var got atomic.Value
	handler := demo.New(demo.Config{}).Handler()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization") + r.Header.Get("X-Api-Key"))
		handler.ServeHTTP(w, r)
	}))
	defer srv.Close()
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := put("plan.yaml", "url: "+srv.URL+"\nstages: [{users: 1, calls: 1}]\nsteps: [{tool: echo, args: {}}]\n")
	token := put("token", "s3cret\n")
	headers := put("headers.yaml", "header: ['X-Api-Key: s3cret']\n")
	address := put("address.yaml", "url: "+srv.URL+"\n")
	t.Chdir(dir) // an auto-discovered file chooses no server, and no plan
	for _, tc := range []struct {
		name string
		env  string // NAME=value
		args []string
		want string // by the server; "-" if it is not asked
		code int
	}{
		{"MCPDIAG_TOKEN", "MCPDIAG_TOKEN=s3cret", nil, "", exitOK},
		{"MCPDIAG_TOKEN_FILE", "MCPDIAG_TOKEN_FILE=" + token, nil, "-", exitUsage},
		{"MCPDIAG_HEADER", "MCPDIAG_HEADER=X-Api-Key: s3cret", nil, "-", exitUsage},
		{"--token-file", "", []string{"--token-file", token}, "-", exitUsage},
		{"--token-command", "", []string{"--token-command", "echo s3cret"}, "-", exitUsage},
		{"-H", "", []string{"-H", "X-Api-Key: s3cret"}, "-", exitUsage},
		{"-H, a file", "", []string{"-H", "X-Api-Key: @" + token}, "-", exitUsage},
		{"a header of --config", "", []string{"--config", headers}, "-", exitUsage},
		{"a search", "MCPDIAG_TOKEN=s3cret", []string{"--find-knee", "--step", "100ms", "--max-users", "1"}, "", exitOK},
		{"a dry run", "MCPDIAG_TOKEN=s3cret", []string{"--dry-run"}, "", exitOK},
		{"an operand", "MCPDIAG_TOKEN=s3cret", []string{srv.URL}, "Bearer s3cret", exitOK},
		{"--url", "MCPDIAG_TOKEN=s3cret", []string{"--url", srv.URL}, "Bearer s3cret", exitOK},
		{"--url, --token-file", "", []string{"--url", srv.URL, "--token-file", token}, "Bearer s3cret", exitOK},
		{"--url, --config", "", []string{"--url", srv.URL, "--config", headers}, "s3cret", exitOK},
		{"MCPDIAG_URL, -H", "MCPDIAG_URL=" + srv.URL, []string{"-H", "X-Api-Key: s3cret"}, "s3cret", exitOK},
		{"the url of --config", "MCPDIAG_TOKEN=s3cret", []string{"--config", address}, "Bearer s3cret", exitOK},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if name, value, ok := strings.Cut(tc.env, "="); ok {
				t.Setenv(name, value)
			}
			got.Store("-")
			mcpdiag(t, tc.code, append([]string{"loadtest", "--plan", file}, tc.args...)...)
			if got.Load() != tc.want {
				t.Errorf("the server got %q, want %q", got.Load(), tc.want)
			}
		})
	}
	for _, line := range []string{"url: " + srv.URL, "loadtest: {url: " + srv.URL + "}", "plan: plan.yaml", "loadtest: {plan: plan.yaml}", "header: ['X: @token']"} {
		put("mcpdiag.yaml", line+"\n")
		got.Store("-")
		mcpdiag(t, exitUsage, "loadtest")
		if got.Load() != "-" {
			t.Errorf("%s: the server was asked, with %q", line, got.Load())
		}
	}
}
