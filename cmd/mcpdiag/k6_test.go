package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// k6Binary is the real program; "make bin/k6" builds it.
func k6Binary(t *testing.T) string {
	t.Helper()
	for _, name := range []string{filepath.Join("..", "..", "bin", "k6"), "k6"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("k6 is missing: make bin/k6 builds it through the Go module proxy")
	return ""
}

// mcpdiag runs a command line, which must end with a code, and returns its output.
func mcpdiag(t *testing.T, code int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(t.Context(), args, strings.NewReader(""), &out, &errs); got != code {
		t.Fatalf("mcpdiag %s ended with %d, want %d: %s", strings.Join(args, " "), got, code, errs.String())
	}
	return out.String()
}

// k6Summary is the summary that k6 writes of a run.
type k6Summary struct {
	Metrics map[string]struct {
		Count float64 `json:"count"`
	} `json:"metrics"`
}

// The script of a plan makes the calls that the plan makes, and the same ones fail.
func TestK6DoesWhatThePlanSays(t *testing.T) {
	program := k6Binary(t)
	const plan = "stages: [{users: 6, calls: 30}]\nprotocol: %s\nsession: 10\nrounds: 2\ndelay: 0.1s\nend: %s\n" +
		"steps:\n  - {tool: echo, weight: 2, args: {text: 'hi {{iter}} {{pick \"a\" \"b\"}}'}}\n  - {tool: flaky, args: {fail: true}}\n" +
		"thresholds: [errors<%s]\n"
	for _, c := range []struct {
		name, protocol, end, most string
		json                      bool
		crossed                   bool
	}{
		{name: "sessions, events", protocol: "2025-11-25", end: "delete", most: "90%"},
		{name: "sessions, JSON, a threshold", protocol: "2025-06-18", end: "keep", most: "1%", json: true, crossed: true},
		{name: "no sessions", protocol: "2026-07-28", end: "abandon", most: "90%"},
		{name: "whatever the server speaks", protocol: "auto", end: "delete", most: "90%"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(demo.New(demo.Config{JSON: c.json}).Handler())
			defer srv.Close()
			dir := t.TempDir()
			file := func(name string) string { return filepath.Join(dir, name) }
			if err := os.WriteFile(file("plan.yaml"), fmt.Appendf(nil, plan, c.protocol, c.end, c.most), 0o600); err != nil {
				t.Fatal(err)
			}
			code := map[bool]int{true: exitFinding}[c.crossed]
			mcpdiag(t, code, "loadtest", srv.URL, "--plan", file("plan.yaml"), "--format", "json", "-o", file("ours.json"))
			mcpdiag(t, exitOK, "loadtest", "export", "k6", file("plan.yaml"), "--url", srv.URL, "-o", file("plan.js"))
			ours := readOurs(t, file("ours.json"))
			theirs := runK6(t, program, dir, c.crossed)
			for name, want := range map[string]int64{"mcp_calls": ours.Calls, "mcp_sessions_opened": ours.Sessions.Opened, "mcp_sessions_closed": ours.Sessions.Closed} {
				if c.protocol != "2025-11-25" && c.protocol != "2025-06-18" && name != "mcp_calls" {
					continue // without sessions there is nothing to count
				}
				if got := int64(theirs.Metrics[name].Count); got != want {
					t.Errorf("k6 has %s %d, loadtest %d", name, got, want)
				}
			}
			// Which step a call takes is drawn: of 360 calls a third fails, give or take.
			got, want := theirs.Metrics["mcp_failed"].Count, float64(ours.Failed)
			if want < 60 || math.Abs(got-want) > 60 {
				t.Errorf("k6 has %.0f calls that failed, loadtest %.0f", got, want)
			}
		})
	}
}

// Every third call of the demo's flaky tool fails, whoever makes it.
func TestK6CountsTheSameErrors(t *testing.T) {
	program := k6Binary(t)
	dir := t.TempDir()
	plan := "stages: [{users: 5, calls: 30}]\nsteps: [{tool: flaky, args: {}}]\n"
	if err := os.WriteFile(filepath.Join(dir, "plan.yaml"), []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(demo.New(demo.Config{}).Handler())
	defer srv.Close()
	mcpdiag(t, exitOK, "loadtest", srv.URL, "--plan", filepath.Join(dir, "plan.yaml"), "--format", "json", "-o", filepath.Join(dir, "ours.json"))
	mcpdiag(t, exitOK, "loadtest", "export", "k6", filepath.Join(dir, "plan.yaml"), "--url", srv.URL, "-o", filepath.Join(dir, "plan.js"))
	ours, theirs := readOurs(t, filepath.Join(dir, "ours.json")), runK6(t, program, dir, false)
	if got := int64(theirs.Metrics["mcp_failed"].Count); ours.Failed != 50 || got != ours.Failed {
		t.Errorf("of 150 calls k6 has %d that failed, loadtest %d, want 50", got, ours.Failed)
	}
}

// The pods of the k6 operator each play their part of the script in the manifests, and
// together they make the calls of the plan.
func TestK6OperatorPartsAddUp(t *testing.T) {
	program := k6Binary(t)
	srv := httptest.NewServer(demo.New(demo.Config{}).Handler())
	defer srv.Close()
	const pods = 3
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "plan.yaml"), []byte("stages: [{users: 7, calls: 10}]\nsteps: [{tool: echo, args: {text: 'a {{iter}}'}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	manifests := mcpdiag(t, exitOK, "loadtest", "export", "k6", filepath.Join(dir, "plan.yaml"), "--url", "http://server.default:3000", "--operator", fmt.Sprint(pods))
	var config struct {
		Data map[string]string `yaml:"data"`
	}
	if err := yaml.NewDecoder(strings.NewReader(manifests)).Decode(&config); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plan.js"), []byte(config.Data["plan.js"]), 0o600); err != nil {
		t.Fatal(err)
	}
	calls := 0.0
	for i := range pods {
		segment := fmt.Sprintf("%d/%d:%d/%d", i, pods, i+1, pods)
		calls += runK6(t, program, dir, false, "-e", "MCP_URL="+srv.URL+"/mcp", "--execution-segment", segment, "--execution-segment-sequence", "0,1/3,2/3,1").Metrics["mcp_calls"].Count
	}
	if calls != 70 {
		t.Errorf("%d pods made %.0f calls, want 70", pods, calls)
	}
}

// The example of docs/scale.md: its plan makes its manifest.
func TestScaleExample(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(textOf(t, "../../docs/scale.md"), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of YAML", len(blocks))
	}
	file := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(file, []byte(blocks[0][1]), 0o600); err != nil {
		t.Fatal(err)
	}
	manifests := mcpdiag(t, exitOK, "loadtest", "export", "k6", file, "--url", "http://server.default:3000/mcp", "--operator", "4")
	if _, run, _ := strings.Cut(manifests, "\n---\n"); run != blocks[1][1] {
		t.Errorf("the TestRun is\n%s", run)
	}
}

func readOurs(t *testing.T, path string) *result.Result {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	res, err := result.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// crossedCode is how k6 ends where a threshold was crossed.
const crossedCode = 99

// runK6 runs plan.js in dir. k6 sends nothing home.
func runK6(t *testing.T, program, dir string, crossed bool, flags ...string) *k6Summary {
	t.Helper()
	program, err := filepath.Abs(program)
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"run", "--quiet", "--no-usage-report", "--summary-export", "k6.json"}, flags...)
	cmd := exec.CommandContext(t.Context(), program, append(args, "plan.js")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "K6_NO_USAGE_REPORT=true")
	out, err := cmd.CombinedOutput()
	if want := map[bool]int{true: crossedCode}[crossed]; cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
		t.Fatalf("k6: %v, want exit code %d\n%s", err, want, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "k6.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s k6Summary
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}
