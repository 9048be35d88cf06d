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

// healthyServers warm up and fill a cache of 32 MB with their first thousand calls.
func healthyServers(t *testing.T) []leaky {
	t.Helper()
	node, err := filepath.Abs(filepath.Join(leaksDir, "sdk1.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	memory := filepath.Join(t.TempDir(), "memory")
	build := exec.Command("go", "build", "-o", memory, "../../bench/memory")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("CACHE", "1000")
	return []leaky{
		{name: "Go", command: []string{memory, "--listen", "127.0.0.1:{port}", "--cache", "1000"}},
		{name: "Node", command: []string{"node", node, "{port}"}},
		{name: "Node with a calm heap", flags: []string{"--stabilize"}, command: []string{"node", node, "{port}"}},
	}
}

// healthyRuns is how often each healthy server is tested.
const healthyRuns = 10

// TestHealthy runs leaktest, with nothing but its defaults, again and again against
// healthy servers: none may be called a leak, undecided is allowed.
func TestHealthy(t *testing.T) {
	if os.Getenv("MCPDIAG_LEAKS") != "healthy" {
		t.Skip("it takes an hour; make test-healthy runs it")
	}
	installLeaks(t)
	for _, s := range healthyServers(t) {
		t.Run(s.name, func(t *testing.T) {
			for nth := range healthyRuns {
				res, code, errors := s.run(t)
				t.Logf("run %d: %.0f s, %s", nth+1, res.DurationS, res.Sentence)
				if code != 0 || res.Verdict == trend.Leak {
					t.Errorf("run %d: exit code %d: %+v\n%s", nth+1, code, res.Phases[0].Trend, errors)
				}
			}
		})
	}
}

func installLeaks(t *testing.T) {
	t.Helper()
	install := exec.Command(filepath.Join(leaksDir, "install.sh"))
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("install.sh: %v\n%s", err, out)
	}
}

// TestLeaks runs leaktest against real servers that leak, and against the
// versions that mend them. It takes minutes: MCPDIAG_LEAKS=quick takes three
// pairs, MCPDIAG_LEAKS=all takes all.
func TestLeaks(t *testing.T) {
	which := os.Getenv("MCPDIAG_LEAKS")
	if which != "all" && which != "quick" {
		t.Skip("it takes minutes; make test-leaks runs it")
	}
	installLeaks(t)
	for _, s := range leakyServers(t) {
		if which == "quick" && !s.quick {
			continue
		}
		t.Run(s.name, func(t *testing.T) { s.test(t) })
	}
}

// run runs leaktest against s.
func (s *leaky) run(t *testing.T) (res leaktest.Result, code int, errors string) {
	t.Helper()
	args := append([]string{"-q", "leaktest", "--format", "json", "-o", t.TempDir()}, s.flags...)
	if s.factors != "" {
		args = append(args, "--factors", s.factors)
	}
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append(append(args, "--"), s.command...), strings.NewReader(""), &stdout, &stderr)
	if err := json.Unmarshal(stdout.Bytes(), &res); err != nil {
		t.Fatalf("exit code %d: %v\n%s", code, err, stderr.String())
	}
	return res, code, stderr.String()
}

func (s *leaky) test(t *testing.T) {
	res, code, errors := s.run(t)
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
		t.Errorf("exit code %d\n%s", code, errors)
	}
}
