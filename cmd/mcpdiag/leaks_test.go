package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

const leaksDir = "../../testdata/leaks"

// leaky is a server that is known to leak, or the version that fixes it.
type leaky struct {
	name    string
	quick   bool
	factors string // what to load it with
	leaks   string // the factor that is kept; "" where none is
	flags   []string
	command []string
	holds   []string // what the headline names, where the runtime tells it
}

// leakyServers lists pairs of a leaking server and its fixed version. Both have the
// same loads, and in each pair there is one load that neither keeps.
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
	calm := []string{"--stabilize=256MB"} // RSS decides, since each request starts a child
	soon := []string{"--max-time", "5m"}  // a larger cache than fills in it is not ruled out
	return []leaky{                       // the longest first: they run side by side
		{"go-sdk v1.7.0", true, "discover,closed", "discover", nil, gobin("gosdk-v1.7.0"), []string{"modelcontextprotocol/go-sdk/mcp."}},
		{"sdk 1.32.2 with JSON answers", false, "call,closed", "call", soon, node("sdk1.mjs", "{port}", "--json"),
			[]string{"._streamMapping (Map)", "webStandardStreamableHttp.js:824"}},
		{"mcp-go v0.43.2", true, "closed,call", "closed", nil, gobin("mcpgo-v0.43.2"), []string{"mark3labs/mcp-go/server."}},
		{"mcp-proxy 6.5.4", false, "call", "call", soon, proxy("leaking"), []string{"stay in eventStore.events (Map)"}},
		{"supergateway 3.4.3", true, "bare-request", "bare-request", calm, gateway("leaking"), nil},
		{"supergateway 4.0.0", true, "bare-request", "", calm, gateway("mended"), nil},
		{"mcp-go v0.44.1", true, "closed,call", "", nil, gobin("mcpgo-v0.44.1"), nil},
		{"go-sdk v1.8.0", true, "discover,closed", "", nil, gobin("gosdk-v1.8.0"), nil},
		{"sdk 1.32.2 with event streams", false, "call,closed", "", nil, node("sdk1.mjs", "{port}"), nil},
		{"server 2.4.0 with JSON answers", false, "call,closed", "", nil, node("sdk2.mjs", "{port}"), nil},
		{"mcp-proxy 6.5.5", false, "call", "", nil, proxy("mended"), nil},
	}
}

// shape is a memory behaviour that looks like a leak for a while, and the number of
// runs of it; see bench/memory.
type shape struct {
	name string
	runs int
}

// healthyShapes returns all shapes, or the one with this name, which may have another
// number than those of the list, such as lru20000.
func healthyShapes(only string) []shape {
	all := []shape{{"held30", 10}, {"lru10000", 10}, {"cap5000", 3}, {"clear60", 3}, {"warm250", 3}, {"cache1000", 3}}
	if only == "" {
		return all
	}
	if i := slices.IndexFunc(all, func(s shape) bool { return s.name == only }); i >= 0 {
		return all[i : i+1]
	}
	return []shape{{only, 3}}
}

// healthyServers returns servers of a healthy shape in Go and in Node.
func healthyServers(t *testing.T, shape string) []leaky {
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
	args := []string{"--shape", shape}
	t.Setenv("SHAPE", shape)
	if shape == "cache1000" {
		t.Setenv("CACHE", "1000")
		args = []string{"--cache", "1000"}
	}
	return []leaky{
		{name: "Go", command: append([]string{memory, "--listen", "127.0.0.1:{port}"}, args...)},
		{name: "Node", command: []string{"node", node, "{port}"}},
	}
}

// healthyResults is the file to which TestHealthy appends a line per run, so that it
// can go on where it was interrupted.
const healthyResults = "../../healthy.csv"

// TestHealthy runs leaktest with its defaults against healthy servers: none may be
// called a leak, undecided is allowed. HEALTHY_SHAPE chooses one shape. Runs that the
// file of results has already are not repeated.
func TestHealthy(t *testing.T) {
	if os.Getenv("MCPDIAG_LEAKS") != "healthy" {
		t.Skip("it takes hours; make test-healthy runs it, SHAPE=lru10000 one shape")
	}
	installLeaks(t)
	done, _ := os.ReadFile(healthyResults) // none at first
	for _, shape := range healthyShapes(os.Getenv("HEALTHY_SHAPE")) {
		for _, s := range healthyServers(t, shape.name) {
			for nth := range shape.runs {
				key := fmt.Sprintf("%s,%s,%d,", shape.name, s.name, nth+1)
				if strings.Contains(string(done), key) {
					continue
				}
				t.Run(strings.TrimSuffix(key, ","), func(t *testing.T) { s.testHealthy(t, key) })
			}
		}
	}
}

// testHealthy makes one run and appends its result to the file.
func (s *leaky) testHealthy(t *testing.T, key string) {
	res, code, errors := s.run(t)
	t.Logf("%.0f s: %s", res.DurationS, res.Sentence)
	f, err := os.OpenFile(healthyResults, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s%s,%.0f,%q\n", key, res.Verdict, res.DurationS, res.Sentence); err != nil {
		t.Error(err)
	}
	if code != 0 || res.Verdict == trend.Leak {
		t.Errorf("exit code %d: %+v\n%s", code, res.Phases[0].Trend, errors)
	}
}

func installLeaks(t *testing.T) {
	t.Helper()
	install := exec.Command(filepath.Join(leaksDir, "install.sh"))
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("install.sh: %v\n%s", err, out)
	}
}

// TestLeaks runs leaktest against real servers that leak, and against their fixed
// versions. It takes minutes: MCPDIAG_LEAKS=quick tests three pairs, all tests every pair.
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
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // they wait for most of their time; make test-leaks runs five at once
			s.test(t)
		})
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
	for _, want := range s.holds {
		if !strings.Contains(res.Sentence, want) {
			t.Errorf("%q is not named", want)
		}
	}
	if found := code == exitFinding; found != (s.leaks != "") {
		t.Errorf("exit code %d\n%s", code, errors)
	}
}
