package result

import (
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
)

func parseThresholds(t *testing.T, texts ...string) []plan.Threshold {
	t.Helper()
	var all []plan.Threshold
	for _, text := range texts {
		th, err := plan.ParseThreshold(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, th)
	}
	return all
}

func measured() *Result {
	return &Result{
		Verdict: VerdictOK, Calls: 1000, Succeeded: 980, Failed: 20, DurationS: 10, CallsPerSecond: 100,
		Latency: Latency{Count: 980, Mean: 12, P50: 10, P90: 20, P95: 30, P99: 90, P999: 400, Max: 500},
		Steps: []StepFigures{
			{Label: "search", Calls: 600, Failed: 20, Latency: Latency{Count: 580, P95: 35}},
			{Label: "never"},
		},
	}
}

func TestJudge(t *testing.T) {
	for text, held := range map[string]bool{
		"p99<500ms": true, "p99<90ms": false, "p99<=90ms": true, "p99.9<0.3s": false, "mean<13ms": true, "max<1s": true,
		"errors<2%": false, "errors<=2%": true, "errors<0.03": true, "rate>=100/s": true, "rate>100": false, "calls>=1000": true, "failed<10": false,
		"tool.search.p95<36ms": true, "tool.search.p95<35ms": false, "tool.search.errors<3%": false, "tool.search.rate>50": true,
		// Of what was never measured nothing can be said to hold.
		"tool.never.p95<2s": false, "tool.never.errors<1%": false,
	} {
		r := measured()
		r.Judge(parseThresholds(t, text))
		if r.Checks[0].Held != held || (r.Verdict == VerdictOK) != held {
			t.Errorf("%s: held is %t, the verdict %s, the reasons %q", text, r.Checks[0].Held, r.Verdict, r.Reasons)
		}
	}
}

func TestJudgeSaysWhatWasMeasured(t *testing.T) {
	r := measured()
	r.Judge(parseThresholds(t, "p99<50ms", "errors<1%", "rate>1000/s", "tool.never.p50<1s", "failed<3"))
	want := "p99<50ms does not hold: 90ms; errors<1% does not hold: 2.00 %; rate>1000/s does not hold: 100.0/s; " +
		"tool.never.p50<1s does not hold: nothing was measured; failed<3 does not hold: 20"
	if got := strings.Join(r.Reasons, "; "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r = measured()
	r.Verdict = VerdictWithheld
	if r.Judge(parseThresholds(t, "p99<50ms")); r.Verdict != VerdictWithheld {
		t.Errorf("a verdict that was withheld became %s", r.Verdict)
	}
}

func TestWatcher(t *testing.T) {
	plan := plan.Plan{AbortOnFail: true, Grace: 5e9, Thresholds: parseThresholds(t, "calls>=100000", "tool.never.p50<1s", "p99<50ms")}
	watch := Watcher(&plan)
	r := measured()
	if got := watch(r); got != "p99<50ms was crossed: 90ms" {
		t.Errorf("the run is ended because of %q", got)
	}
	r.DurationS = 4
	if got := watch(r); got != "" {
		t.Errorf("within the grace the run is ended because of %q", got)
	}
	plan.AbortOnFail = false
	if Watcher(&plan) != nil {
		t.Error("a plan that is not to be aborted is watched")
	}
}
