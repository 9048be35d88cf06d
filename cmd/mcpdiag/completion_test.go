package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/deps"
	"github.com/mcpdiag/mcpdiag/internal/proxy/registry"
)

// completed returns the words that a shell offers for the last word of a command line.
func completed(t *testing.T, args ...string) []string {
	t.Helper()
	o := invoke(t, append([]string{"__complete"}, args...)...)
	if o.code != exitOK {
		t.Fatalf("completion of %q: exit code %d\n%s", args, o.code, o.err)
	}
	var words []string
	for line := range strings.Lines(o.out) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		words = append(words, word)
	}
	return words
}

func TestCompletion(t *testing.T) {
	srv := httptest.NewServer(demo.New(demo.Config{}).Handler())
	defer srv.Close()
	odd := (&badServer{tool: "rm -rf $(x)"}).start(t)
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("MCPDIAG_URL", "")
	proxies, err := registry.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := registry.Register(proxies, registry.Entry{URL: "http://127.0.0.1:39999", To: "http://db"})
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.End()
	stacks := filepath.Join(dir, "a.folded")
	if err := os.WriteFile(stacks, []byte("main;work 5\nmain;idle 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ line, want, not string }{
		{"loadtest|" + srv.URL + "|--tool|", "flaky", "nope"},
		{"leaktest|--url|" + srv.URL + "|--tool|", "search", ""},
		{"loadtest|" + odd + "|--tool|", ":4", "rm -rf $(x)"},
		{"loadtest|http://127.0.0.1:1|--tool|", ":1", ""},
		{"flame|" + stacks + "|--sandwich|", "work", ""},
		{"poll|", "http://127.0.0.1:39999", ""},
		{"doctor|--url|", "http://127.0.0.1:39999", ""},
		{"poll|--alert|", "queue.", "queue.NAME"},
		{"poll|--alert|he", "heap>", "oldest>"},
		{"doctor|--only|", "network.tcp", ""},
		{"doctor|--skip|http,net", "http,network.tcp", "http,http"},
		{"doctor|--describe|", "tools.schema", ""},
		{"deps|--only|pg.s", "pg.slots", "redis.ping"},
		{"logs|--only|", "error-rate", ""},
		{"schema|", "loadtest", ""},
		{"diff|--format|", "junit", ""},
	} {
		got := "\n" + strings.Join(completed(t, strings.Split(test.line, "|")...), "\n") + "\n"
		if !strings.Contains(got, "\n"+test.want+"\n") || test.not != "" && strings.Contains(got, "\n"+test.not+"\n") {
			t.Errorf("%s: want %q and not %q in %s", test.line, test.want, test.not, got)
		}
	}
}

// The checks of deps that a shell offers are those of the document.
func TestDepsChecksAreDocumented(t *testing.T) {
	t.Parallel()
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `?((?:pgb?|redis|rabbit|s3|prom|am|kube)\\.[a-z-]+)").FindAllStringSubmatch(textOf(t, "../../docs/deps.md"), -1) {
		documented = append(documented, m[1])
	}
	if diff := cmp.Diff(documented, deps.Checks()); diff != "" {
		t.Error(diff)
	}
}
