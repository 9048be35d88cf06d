package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

const leaksDir = "../../testdata/leaks"

// leaky is a server that is known to leak, or the version that mends it.
type leaky struct {
	name    string
	quick   bool
	factors string // what to load it with
	leaks   string // the factor that is kept; "" where none is
	flags   []string
	command []string
}

// The factors are the same for a leaking server and its mended version, and in
// each pair there is one that neither keeps.
func leakyServers(t *testing.T) []leaky {
	abs, err := filepath.Abs(leaksDir)
	if err != nil {
		t.Fatal(err)
	}
	node := func(args ...string) []string {
		args[0] = filepath.Join(abs, args[0])
		return append([]string{"node"}, args...)
	}
	gobin := func(name string) []string {
		return []string{filepath.Join(abs, "bin", name), "--listen", "127.0.0.1:{port}"}
	}
	stdio := "node " + filepath.Join(abs, "stdio.mjs")
	gateway := func(which string) []string {
		return node("node_modules/supergateway-"+which+"/dist/index.js", "--stdio", stdio, "--outputTransport", "streamableHttp", "--port", "{port}", "--logLevel", "none")
	}
	proxy := func(which string) []string {
		return node("node_modules/mcp-proxy-"+which+"/dist/bin/mcp-proxy.mjs", "--host", "127.0.0.1", "--port", "{port}", "--", "node", filepath.Join(abs, "stdio.mjs"))
	}
	calm := []string{"--stabilize=256MB"}
	return []leaky{
		{"go-sdk v1.7.0", true, "discover,closed", "discover", nil, gobin("gosdk-v1.7.0")},
		{"go-sdk v1.8.0", true, "discover,closed", "", nil, gobin("gosdk-v1.8.0")},
		{"mcp-go v0.43.2", true, "closed,call", "closed", nil, gobin("mcpgo-v0.43.2")},
		{"mcp-go v0.44.1", true, "closed,call", "", nil, gobin("mcpgo-v0.44.1")},
		{"supergateway 3.4.3", true, "bare-request", "bare-request", calm, gateway("leaking")},
		{"supergateway 4.0.0", true, "bare-request", "", calm, gateway("mended")},
		{"sdk 1.32.2 with JSON answers", false, "call,closed", "call", calm, node("sdk1.mjs", "{port}", "--json")},
		{"sdk 1.32.2 with event streams", false, "call,closed", "", calm, node("sdk1.mjs", "{port}")},
		{"server 2.4.0 with JSON answers", false, "call,closed", "", calm, node("sdk2.mjs", "{port}")},
		{"mcp-proxy 6.5.4", false, "call", "call", calm, proxy("leaking")},
		{"mcp-proxy 6.5.5", false, "call", "", calm, proxy("mended")},
	}
}

// TestLeaks runs leaktest against real servers that leak, and against the
// versions that mend them. It takes minutes: MCPDIAG_LEAKS=quick takes three
// pairs, MCPDIAG_LEAKS=all takes all.
func TestLeaks(t *testing.T) {
	which := os.Getenv("MCPDIAG_LEAKS")
	if which == "" {
		t.Skip("it takes minutes; make test-leaks runs it")
	}
	install := exec.Command(filepath.Join(leaksDir, "install.sh"))
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("install.sh: %v\n%s", err, out)
	}
	for _, s := range leakyServers(t) {
		if which == "quick" && !s.quick {
			continue
		}
		t.Run(s.name, func(t *testing.T) { s.test(t) })
	}
}

func (s *leaky) test(t *testing.T) {
	args := append([]string{"-q", "leaktest", "--format", "json", "--factors", s.factors, "-o", t.TempDir()}, s.flags...)
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), append(append(args, "--"), s.command...), strings.NewReader(""), &stdout, &stderr)
	var res leaktest.Result
	if err := json.Unmarshal(stdout.Bytes(), &res); err != nil {
		t.Fatalf("exit code %d: %v\n%s", code, err, stderr.String())
	}
	t.Logf("%.0f s: %s", res.DurationS, res.Sentence)
	for _, p := range res.Phases {
		want := p.ID == s.leaks
		switch got := p.Trend.Verdict; {
		case want && got != trend.Leak, !want && got == trend.Leak:
			t.Errorf("%s is judged %s: %+v", p.ID, got, p.Trend)
		case got == trend.Undecided:
			t.Errorf("%s stays undecided: %+v", p.ID, p.Trend)
		}
	}
	if found := code == exitFinding; found != (s.leaks != "") {
		t.Errorf("exit code %d\n%s", code, stderr.String())
	}
}
