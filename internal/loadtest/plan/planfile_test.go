package plan

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/jsonschema-go/jsonschema"
	"gopkg.in/yaml.v3"
)

// wholePlan has every key.
const wholePlan = `# all of it
url: http://localhost:3100
protocol: 2025-11-25
seed: 7
stages:
  - users: 10
    ramp-up: 5
    duration: 30s
  - rate: 90/m
    users: 20
    duration: 1m
  - {users: 3, calls: 4}
rounds: 2
delay: 1.5
warmup: 5s
think: 0.1s..2s
burst: 10/30s
session: 20
end: abandon
arrivals: poisson
steps:
  - tool: search
    weight: 3
    args: &args
      query: "{{queries.text}}"
      limit: "{{number int 5 5}}"
      deep: {on: yes, off: false, none: ~, list: [1, 2.50, 0x10, "3"]}
      date: 2026-01-01
  - tool: other
    args: *args
  - resource: file:///x
  - prompt: greet
    args: {name: x}
feeds:
  queries: queries.csv
destructive: true
thresholds:
  - p99 < 500ms
  - tool.search.errors<1%
abort-on-fail: true
grace: 10s
`

func readTestFeed(name string) ([]byte, error) {
	if name == "queries.csv" {
		return []byte("text,limit\nleak,1\n"), nil
	}
	return nil, errors.New("there is no such file")
}

func TestParsePlan(t *testing.T) {
	got, err := Parse([]byte(wholePlan), "plan.yaml", readTestFeed)
	if err != nil {
		t.Fatal(err)
	}
	want := &Plan{
		URL: "http://localhost:3100", Protocol: "2025-11-25", Seed: 7,
		Stages: []Stage{
			{Users: 10, RampUp: 5 * time.Second, Duration: 30 * time.Second},
			{Rate: 1.5, Users: 20, Duration: time.Minute},
			{Users: 3, Calls: 4},
		},
		Rounds: 2, Delay: 1500 * time.Millisecond, Warmup: 5 * time.Second,
		Think: Think{Least: 100 * time.Millisecond, Most: 2 * time.Second}, Burst: Burst{10, 30 * time.Second},
		SessionCalls: 20, End: EndAbandon, Poisson: true, Choice: Choice{Destructive: true},
		Thresholds: []Threshold{
			{Metric: "p99", Op: "<", Value: 500, Text: "p99 < 500ms"},
			{Step: "search", Metric: "errors", Op: "<", Value: 0.01, Text: "tool.search.errors<1%"},
		},
		AbortOnFail: true, Grace: 10 * time.Second,
		Steps: []Step{
			{Kind: CallTool, Name: "search", Weight: 3}, {Kind: CallTool, Name: "other", Weight: 1},
			{Kind: ReadResource, Name: "file:///x", Weight: 1}, {Kind: GetPrompt, Name: "greet", Weight: 1},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Step{}, "Args")); diff != "" {
		t.Errorf("the plan is not what was written (-want +got):\n%s", diff)
	}
	const args = `{"query":"leak","limit":5,"deep":{"on":"yes","off":false,"none":null,"list":[1,2.50,16,"3"]},"date":"2026-01-01"}`
	for _, i := range []int{0, 1} {
		if made := string(got.Steps[i].Args.JSON(&Vars{Rand: NewRand(1, 1)})); made != args {
			t.Errorf("the arguments of step %d are %s, want %s", i, made, args)
		}
	}
}

func TestPlanMistakes(t *testing.T) {
	for _, c := range []struct{ name, plan, want string }{
		{"empty", "# nothing\n", `plan.yaml: the plan is empty`},
		{"no YAML", "a: [\n", `plan.yaml: line`},
		{"no mapping", "- 1\n", `plan.yaml:1: not a mapping of names to values`},
		{"unknown key", "rounds: 1\nsteps:\n  - tool: a\n    wieght: 2\n", `plan.yaml:4: steps[0].wieght: unknown key (did you mean "weight"?); known are tool, resource, prompt, weight, args`},
		{"twice", "rounds: 1\nrounds: 2\n", `plan.yaml:2: rounds: repeated key`},
		{"duration", "delay: soon\n", `plan.yaml:1: delay: invalid duration "soon"`},
		{"list", "stages: 3\n", `plan.yaml:1: stages: not a list of entries`},
		{"empty list", "steps: []\n", `plan.yaml:1: steps: not a list of entries`},
		{"value", "rounds: [1]\n", `plan.yaml:1: rounds: not a plain value`},
		{"null", "think:\n", `plan.yaml:1: think: not a plain value`},
		{"both", "stages:\n  - {users: 1, calls: 1, duration: 1s}\n", `plan.yaml:2: stages[0]: calls and duration exclude each other`},
		{"rate", "stages:\n  - {rate: 5}\n", `stages[0]: a rate needs a duration`},
		{"rate calls", "stages:\n  - {rate: 5, calls: 3}\n", `a rate needs a duration, not calls`},
		{"ramp", "stages:\n  - {ramp-up: 5s, duration: 3s}\n", `ramp-up is longer than the duration`},
		{"users", "stages:\n  - {users: 100001}\n", `users must be 1 to 100000`},
		{"two things", "steps:\n  - {tool: a, prompt: b}\n", `plan.yaml:2: steps[0].prompt: a step has only one of`},
		{"nothing", "steps:\n  - {weight: 2}\n", `plan.yaml:2: steps[0]: the step has none of`},
		{"resource args", "steps:\n  - {resource: a, args: {}}\n", `a resource takes no arguments`},
		{"template", "steps:\n  - tool: a\n    args:\n      q: '{{nope}}'\n", `plan.yaml:4: steps[0].args: {{nope}}: unknown name "nope"`},
		{"args", "steps:\n  - {tool: a, args: [1]}\n", `arguments must be a mapping of names to values`},
		{"feed", "feeds: {q: gone.csv}\n", `plan.yaml:1: feeds.q: there is no such file`},
		{"threshold", "thresholds:\n  - p99<500ms\n  - p98<500ms\n", `plan.yaml:3: thresholds[1]: condition "p98<500ms": unknown metric "p98"`},
		{"end", "end: explode\n", `plan.yaml:1: end: "explode" is not one of delete, abandon, keep`},
		{"protocol", "protocol: 2020-01-01\n", `protocol: "2020-01-01" is not one of auto, 2026-07-28`},
		{"infinite", "steps:\n  - {tool: a, args: {n: .inf}}\n", `the number ".inf"`},
		{"laughs", "seed: 1\nsteps:\n - tool: a\n   args:\n    a: &a [x,x,x,x,x,x,x,x,x,x]\n    b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n" +
			"    c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n    d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n    e: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n", `more than 100000 values`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.plan), "plan.yaml", readTestFeed)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestReadPlanFindsFeedsBesideIt(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("plan.yaml", "feeds: {q: rows.csv}\nsteps:\n  - {tool: a, args: {x: '{{q.word}}'}}\n")
	write("rows.csv", "\xef\xbb\xbfword\n\"one, two\"\n")
	plan, err := Read(t.Context(), filepath.Join(dir, "plan.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(plan.Steps[0].Args.JSON(&Vars{})); got != `{"x":"one, two"}` {
		t.Errorf("the arguments are %s", got)
	}
	_, err = Read(t.Context(), filepath.Join(dir, "gone.yaml"))
	if err == nil || !strings.HasSuffix(err.Error(), "gone.yaml: no such file or directory") {
		t.Errorf("a plan that is not there: %v", err)
	}
}

// TestHostileFeeds: a feed is a regular file in the folder of its plan, that is not hidden
// and has a bound, however it is named.
func TestHostileFeeds(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "plans")
	for _, folder := range []string{"plans/.git", "plans/data", "beside"} {
		if err := os.MkdirAll(filepath.Join(top, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	write("../secret.csv", "word\nsesame\n")
	write("../beside/secret.csv", "word\nsesame\n")
	write(".git/config", "word\nsesame\n")
	write(".env", "word\nsesame\n")
	write("data/good.csv", "word\nsesame\n")
	write("cells.csv", strings.Repeat(strings.Repeat("a,", 4095)+"a\n", 2+maxCells/4096))
	link("../secret.csv", "file.csv")
	link(filepath.Join(top, "secret.csv"), "absolute.csv")
	link("../beside", "folder")
	link("data", "inside")
	link("data/../../secret.csv", "way.csv")
	link(".git/config", "config.csv")
	link("/dev/zero", "zero.csv")
	link("loop.csv", "loop.csv")
	if err := os.Truncate(makeFile(t, filepath.Join(dir, "huge.csv")), maxFeeds+1); err != nil {
		t.Fatal(err)
	}
	for feed, want := range map[string]string{
		"data/good.csv": "", "inside/good.csv": "", "data/../data/good.csv": "",
		"../secret.csv": "escapes", "data/../../secret.csv": "escapes", filepath.Join(top, "secret.csv"): "escapes", "/proc/self/environ": "escapes",
		"file.csv": "escapes", "absolute.csv": "escapes", "folder/secret.csv": "escapes", "way.csv": "escapes", "zero.csv": "escapes",
		"data/..\u2215..\u2215secret.csv": "no such file", "\u2024\u2024/secret.csv": "no such file", "data/good.csv\u200b": "no such file", "\u202egood.csv": "no such file",
		".git/config": "hidden", ".env": "hidden", "data/../.env": "hidden", "config.csv": "hidden",
		"data": "not a regular file", "loop.csv": "too many levels", "huge.csv": "larger than", "cells.csv": "more than 4194304 cells", "": "empty|invalid|not a regular file",
	} {
		name := filepath.Join(t.TempDir(), "plan.yaml")
		value, _ := json.Marshal(feed)
		data := []byte("feeds: {q: " + string(value) + "}\nsteps: [{tool: a, args: {x: '{{q.word}}'}}]\n")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name, filepath.Join(dir, "plan.yaml")); err != nil {
			t.Fatal(err)
		}
		_, err := Read(t.Context(), filepath.Join(dir, "plan.yaml"))
		said := err != nil && slices.ContainsFunc(strings.Split(want, "|"), func(part string) bool { return strings.Contains(err.Error(), part) })
		if want == "" && err != nil || want != "" && !said {
			t.Errorf("%q: %v; want %q", feed, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: the error quotes the file: %v", feed, err)
		}
	}
	// The feeds of a plan are bounded together.
	write("half.csv", "word\n"+strings.Repeat("a", maxFeeds/2+1)+"\n")
	write("plan.yaml", "feeds: {a: half.csv, b: half.csv}\n")
	if _, err := Read(t.Context(), filepath.Join(dir, "plan.yaml")); err == nil || !strings.Contains(err.Error(), "the feeds of a plan are larger than 64 MB together") {
		t.Errorf("two halves: %v", err)
	}
}

func makeFile(t *testing.T, name string) string {
	t.Helper()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// The schema for editors knows the keys that the parser knows, and takes the plan that has them all.
func TestPlanSchema(t *testing.T) {
	var s jsonschema.Schema
	if err := json.Unmarshal(Schema, &s); err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, f := range (&parser{}).topFields() {
		known = append(known, f.Key)
		if s.Properties[f.Key] == nil {
			t.Errorf("the schema lacks %s", f.Key)
		}
	}
	for key := range s.Properties {
		if !slices.Contains(known, key) {
			t.Errorf("the parser does not know %s", key)
		}
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	for plan, valid := range map[string]bool{wholePlan: true, "steps: [{tool: a, prompt: b}]": false, "rownds: 1": false, "stages: [{users: 0}]": false} {
		var doc any
		if err := yaml.Unmarshal([]byte(plan), &doc); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		if err := resolved.Validate(doc); (err == nil) != valid {
			t.Errorf("valid is to be %t: %v\n%.60s", valid, err, plan)
		}
	}
}

func FuzzParsePlan(f *testing.F) {
	f.Add([]byte(wholePlan))
	f.Add([]byte("steps:\n  - {tool: a, args: {x: &x [*x]}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		plan, err := Parse(data, "plan.yaml", readTestFeed)
		if err != nil {
			return
		}
		if len(plan.Stages) == 0 || plan.Rounds < 1 {
			t.Fatalf("a plan without stages or rounds: %+v", plan)
		}
		for _, s := range plan.Steps {
			if made := s.Args.JSON(&Vars{Rand: NewRand(1, 1)}); !s.Args.IsZero() && !made.IsValid() {
				t.Fatalf("arguments that are no JSON: %s", made)
			}
		}
	})
}
