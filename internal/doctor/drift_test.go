package doctor

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// again returns a run as a file has it.
func again(t *testing.T, r *Result) *Result {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	old, err := ReadBaseline(data)
	if err != nil {
		t.Fatal(err)
	}
	return old
}

// TestDrift compares runs with a baseline: changes are named, all else passes.
func TestDrift(t *testing.T) {
	t.Parallel()
	healthy, sick := demoFacts(t, demo.Fault{}), demoFacts(t, demo.Fault{Name: "stream-404"})
	for name, tc := range map[string]struct {
		was, now *facts.Facts
		change   func(*Result) // of the baseline
		want     map[string]finding.Severity
		text     string
		outcome  finding.Outcome // with --fail-on new
	}{
		"the same":      {healthy, healthy, nil, nil, "no failure is new", finding.Clean},
		"new failure":   {healthy, sick, nil, map[string]finding.Severity{"drift.status": finding.Info}, "new: stream.get", finding.Found},
		"fixed":         {sick, healthy, nil, map[string]finding.Severity{"drift.status": finding.Info}, "fixed: stream.get", finding.Clean},
		"known failure": {sick, sick, nil, nil, "(the baseline has it, too)", finding.Clean},
		"tool changed": {healthy, healthy, func(r *Result) { r.Observed.Tools[0].Hash = "other" },
			map[string]finding.Severity{"drift.tools": finding.Warn}, "changed: echo", finding.Clean},
		"tool removed": {healthy, healthy, func(r *Result) { r.Observed.Tools = append(r.Observed.Tools, ToolMark{Name: "rm\x1b[2J", Hash: "1"}) },
			map[string]finding.Severity{"drift.tools": finding.Warn}, "removed: rm", finding.Clean},
		"tool added": {healthy, healthy, func(r *Result) { r.Observed.Tools = r.Observed.Tools[1:] },
			map[string]finding.Severity{"drift.tools": finding.Warn}, "added: echo", finding.Clean},
		"more tokens": {healthy, healthy, func(r *Result) { r.Observed.Tokens /= 2 },
			map[string]finding.Severity{"drift.tokens": finding.Warn}, "", finding.Clean},
		"a few more tokens": {healthy, healthy, func(r *Result) { r.Observed.Tokens = r.Observed.Tokens * 9 / 10 }, nil, "", finding.Clean},
		"other version": {healthy, healthy, func(r *Result) { r.Observed.Server = "mcpdiag-demo 0" },
			map[string]finding.Severity{"drift.identity": finding.Info}, "server: mcpdiag-demo 0 → mcpdiag-demo 1", finding.Clean},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := again(t, Judge(tc.was, Judgement{}))
			old.Observed.LatencyMs, old.Observed.Samples = 1e4, 2 // a busy machine is no drift
			if tc.change != nil {
				tc.change(old)
			}
			r := Judge(tc.now, Judgement{Baseline: old, FailOn: FailOnNew})
			drifts := 0
			for _, c := range r.Checks {
				want, ok := tc.want[c.ID]
				if !ok {
					want = finding.Pass
				}
				if c.Group == driftGroup {
					drifts++
					if c.Severity != want {
						t.Errorf("%s: %s %s, want %s", c.ID, c.Severity, c.Summary, want)
					}
				}
			}
			var b strings.Builder
			if err := r.Text(&b, false); err != nil {
				t.Fatal(err)
			}
			if drifts != 5 || !strings.Contains(strings.Join(strings.Fields(b.String()), " "), tc.text) || strings.Contains(b.String(), "\x1b") {
				t.Errorf("%d comparisons, no %q in\n%s", drifts, tc.text, b.String())
			}
			if got := r.Report().Outcome; got != tc.outcome {
				t.Errorf("outcome %d, want %d", got, tc.outcome)
			}
		})
	}
}

// TestLatencyDrift wants of each request both twice the latency and fifty milliseconds
// more: one slow request of two is none.
func TestLatencyDrift(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		was, lowest float64
		samples     int
		want        finding.Severity
	}{{40, 100, 4, finding.Warn}, {40, 85, 4, finding.Pass}, {100, 190, 4, finding.Pass}, {1, 40, 4, finding.Pass}, {1, 400, 0, finding.Skip}, {1, 1, 2, finding.Pass}} {
		got := latencyDrift(Observed{LatencyMs: tc.was, Samples: tc.samples}, Observed{LatencyMs: 400, LowestMs: tc.lowest, Samples: 4})
		if got.Severity != tc.want {
			t.Errorf("%v → %v: %s", tc.was, tc.lowest, got.Severity)
		}
	}
}

func TestComparable(t *testing.T) {
	t.Parallel()
	f := &facts.Facts{Target: "https://a/mcp"}
	if err := Comparable(f, &Result{Target: "https://a/mcp"}); err != nil {
		t.Error(err)
	}
	if err := Comparable(f, &Result{Target: "https://b/mcp"}); err == nil || !strings.Contains(err.Error(), "--baseline-any") {
		t.Errorf("%v", err)
	}
}

func FuzzBaseline(f *testing.F) {
	f.Add([]byte(`{"schema":"mcpdiag.doctor/1","target":"https://a/mcp","results":[{"id":"http.path","severity":"fail"}],"observed":{"tools":[{"name":"\u001b[2J","hash":"1"}],"tokens":-1,"latency_ms":1e300,"latency_samples":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		old, err := ReadBaseline(data)
		if err != nil {
			return
		}
		r := Judge(&facts.Facts{Target: "https://a/mcp"}, Judgement{Baseline: old, FailOn: FailOnNew})
		var b strings.Builder
		if err := r.Text(&b, false); err != nil || strings.Contains(b.String(), "\x1b") {
			t.Errorf("%v\n%q", err, b.String())
		}
	})
}
