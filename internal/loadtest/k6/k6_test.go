package k6

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
)

func exported(t *testing.T, text string) string {
	t.Helper()
	p, err := plan.Parse([]byte(text), "plan.yaml", readTestFeed)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Export(&b, p, true); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var k6Parts = regexp.MustCompile(`(?s)^// Written by mcpdiag loadtest export k6.\nimport .*?\nconst PLAN = (.*?\n\});\n\nexport const options = (.*?\n\});\n\n`)

// k6JSON is what the script says of the plan and of the run.
func k6JSON(t *testing.T, script string) (plan k6Data, options map[string]any) {
	t.Helper()
	m := k6Parts.FindStringSubmatch(script)
	if m == nil {
		t.Fatalf("the script is not of the form that it should be:\n%.600s", script)
	}
	if err := json.Unmarshal([]byte(m[1]), &plan); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(m[2]), &options); err != nil {
		t.Fatal(err)
	}
	return plan, options
}

func TestExportK6(t *testing.T) {
	plan, options := k6JSON(t, exported(t, `
url: http://localhost:3100/mcp
stages:
  - {users: 10, ramp-up: 5s, duration: 30s}
  - {rate: 90/m, users: 20, duration: 1m}
  - {rate: 200/s, ramp-up: 10s, users: 50, duration: 1m}
warmup: 5s
steps:
  - {tool: search, weight: 3, args: {q: "{{queries.text}}", n: "{{number int 1 5}}"}}
  - {tool: "odd name", args: {}}
feeds: {queries: queries.csv}
thresholds: [p99<500ms, errors<1%, tool.search.p99.9<2s, "tool.odd name.errors<2%", rate>=5/s, calls>=100]
abort-on-fail: true
grace: 10s
`))
	wantScenarios := map[string]any{
		"warmup": map[string]any{"executor": "per-vu-iterations", "exec": "user", "vus": 10.0, "iterations": 1.0, "startTime": "0s", "maxDuration": "35s", "gracefulStop": "30s"},
		"stage1": map[string]any{"executor": "per-vu-iterations", "exec": "user", "vus": 10.0, "iterations": 1.0, "startTime": "5s", "maxDuration": "1m0s", "gracefulStop": "30s"},
		"stage2": map[string]any{"executor": "constant-arrival-rate", "exec": "arrival", "rate": 90.0, "timeUnit": "1m", "duration": "1m0s", "preAllocatedVUs": 20.0, "maxVUs": 20.0, "startTime": "35s", "gracefulStop": "30s"},
		"stage3": map[string]any{"executor": "ramping-arrival-rate", "exec": "arrival", "startRate": 2.0, "timeUnit": "1s", "preAllocatedVUs": 50.0, "maxVUs": 50.0, "startTime": "1m35s", "gracefulStop": "30s",
			"stages": []any{map[string]any{"target": 200.0, "duration": "10s"}, map[string]any{"target": 200.0, "duration": "50s"}}},
	}
	if diff := cmp.Diff(wantScenarios, options["scenarios"]); diff != "" {
		t.Errorf("scenarios (-want +got):\n%s", diff)
	}
	abort := func(condition string) any {
		return []any{map[string]any{"threshold": condition, "abortOnFail": true, "delayAbortEval": "10s"}}
	}
	wantThresholds := map[string]any{
		"mcp_latency": abort("p(99)<500"), "mcp_errors": []any{}, "mcp_latency{step:search}": abort("p(99.9)<2000"),
		"mcp_errors{step:step1}": abort("rate<0.02"), "mcp_calls": []any{},
	}
	got := options["thresholds"].(map[string]any)
	for metric, want := range wantThresholds {
		if len(want.([]any)) > 0 {
			if diff := cmp.Diff(want, got[metric]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", metric, diff)
			}
		} else if got[metric] == nil {
			t.Errorf("there is no threshold on %s", metric)
		}
	}
	wantArgs := []any{`{"q":"`, map[string]any{"verb": "feed", "feed": "queries"}, `","n":`, map[string]any{"verb": "int", "number": true, "low": 1.0, "high": 5.0}, `}`}
	if diff := cmp.Diff(wantArgs, plan.Steps[0].Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string][][]string{"queries": {{"leak", "1"}}}, plan.Feeds); diff != "" {
		t.Errorf("feeds (-want +got):\n%s", diff)
	}
	if plan.Stages["warmup"].Counts || !plan.Stages["stage1"].Counts {
		t.Error("the warm-up counts, or the stage does not")
	}
}

func TestExportK6Rounds(t *testing.T) {
	plan, options := k6JSON(t, exported(t, "stages: [{users: 3, calls: 5}]\nrounds: 4\ndelay: 2s\nsteps: [{tool: a, args: {}}]\n"))
	if s := plan.Stages["stage1"]; s.Rounds != 4 || s.Delay != 2 || s.Calls != 5 || len(options["scenarios"].(map[string]any)) != 1 {
		t.Errorf("rounds that end by calls: %+v", s)
	}
	_, options = k6JSON(t, exported(t, "stages: [{users: 3, duration: 5s}]\nrounds: 2\ndelay: 2s\nsteps: [{tool: a, args: {}}]\n"))
	scenarios := options["scenarios"].(map[string]any)
	if second, ok := scenarios["round2_stage1"].(map[string]any); !ok || second["startTime"] != "7s" {
		t.Errorf("rounds that end by time: %v", scenarios)
	}
}

// TestExportK6Token: a token goes to an address that the user named, and not to that of a plan.
func TestExportK6Token(t *testing.T) {
	t.Parallel()
	p := &plan.Plan{URL: "http://server/mcp", Steps: []plan.Step{{Kind: plan.ReadResource, Name: "a"}}}
	p.Defaults()
	for _, named := range []bool{true, false} {
		var script, manifests bytes.Buffer
		if err := errors.Join(Export(&script, p, named), Manifests(&manifests, p, named, 1)); err != nil {
			t.Fatal(err)
		}
		if data, _ := k6JSON(t, script.String()); data.Named != named {
			t.Errorf("named %t is %t in the script", named, data.Named)
		}
		if got := strings.Contains(manifests.String(), operatorToken); got != named {
			t.Errorf("named %t: the manifest has the token: %t", named, got)
		}
	}
	if n := strings.Count(k6Runtime, "__ENV.MCP_TOKEN"); n != 2 || !strings.Contains(k6Runtime, "const TOKEN = __ENV.MCP_URL || PLAN.named ? __ENV.MCP_TOKEN : '';") {
		t.Errorf("the script reads the token in %d places", n)
	}
}

func TestExportK6Refusals(t *testing.T) {
	for text, want := range map[string]string{
		"rounds: 1":               "names no steps",
		"steps: [{tool: search}]": "step search has no arguments",
		"stages: [{calls: 1}, {duration: 5s}]\nsteps: [{resource: a}]": "stage 1 ends by its calls",
	} {
		p, err := plan.Parse([]byte(text), "plan.yaml", readTestFeed)
		if err != nil {
			t.Fatal(err)
		}
		if err := Export(&bytes.Buffer{}, p, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", text, err, want)
		}
	}
}

// What a plan says is data in the script: no name ends a string or a comment.
func TestExportK6WithHostileNames(t *testing.T) {
	for _, name := range []string{`"; evil(); "`, "*/ evil() /*", "\n// evil\n", "</script>", "${evil()}", "\u2028evil()", "\u202egnp", "`", `\`} {
		p := &plan.Plan{URL: "http://localhost/" + name, Steps: []plan.Step{{Kind: plan.CallTool, Name: name, Weight: 1, Args: constant(name)}, {Kind: plan.ReadResource, Name: name}}}
		p.Defaults()
		var b bytes.Buffer
		if err := Export(&b, p, true); err != nil {
			t.Fatal(err)
		}
		plan, _ := k6JSON(t, b.String())
		if plan.Steps[0].Name != name || plan.Steps[1].Name != name || !strings.HasSuffix(b.String(), k6Runtime) {
			t.Errorf("%q came back as %q", name, plan.Steps[0].Name)
		}
		if strings.ContainsAny(b.String(), "\u2028\u202e") {
			t.Errorf("%q is raw in the script", name)
		}
	}
}

func constant(text string) plan.Template {
	value, _ := json.Marshal(map[string]string{text: text})
	return plan.Fixed(value)
}

func readTestFeed(name string) ([]byte, error) {
	if name != "queries.csv" {
		return nil, errors.New("no such file")
	}
	return []byte("text,limit\nleak,1\n"), nil
}
