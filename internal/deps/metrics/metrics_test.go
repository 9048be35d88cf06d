package metrics

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/promtext"
)

// at reads a page as if it was scraped a number of seconds after 1970.
func at(t *testing.T, seconds int64, page string) *Scrape {
	t.Helper()
	m, err := promtext.Parse([]byte(page))
	if err != nil {
		t.Fatal(err)
	}
	return &Scrape{m, time.Unix(seconds, 0)}
}

// judged returns the summaries of the findings by their ids.
func judged(r *Result) map[string]string {
	out := map[string]string{}
	for _, f := range r.Findings {
		out[f.ID] += string(f.Severity) + " " + f.Summary + "\n"
	}
	return out
}

const before = `# TYPE rpc_seconds histogram
rpc_seconds_bucket{method="tools/call",tool="a",le="0.1"} 1000
rpc_seconds_bucket{method="tools/call",tool="a",le="1.0"} 1000
rpc_seconds_bucket{method="tools/call",tool="a",le="+Inf"} 1000
rpc_seconds_sum{method="tools/call",tool="a"} 50
rpc_seconds_count{method="tools/call",tool="a"} 1000
http_requests_total{path="/mcp",code="200"} 500
http_requests_total{path="/mcp",code="500"} 400
process_start_time_seconds 10
process_resident_memory_bytes 1048576
`

const after = `# TYPE rpc_seconds histogram
rpc_seconds_bucket{method="tools/call",tool="a",le="0.1"} 1090
rpc_seconds_bucket{method="tools/call",tool="a",le="1"} 1100
rpc_seconds_bucket{method="tools/call",tool="a",le="+Inf"} 1110
rpc_seconds_sum{method="tools/call",tool="a"} 270
rpc_seconds_count{method="tools/call",tool="a"} 1110
rpc_seconds_bucket{method="tools/call",tool="b",le="0.1"} 60
rpc_seconds_bucket{method="tools/call",tool="b",le="1"} 60
rpc_seconds_bucket{method="tools/call",tool="b",le="+Inf"} 60
rpc_seconds_sum{method="tools/call",tool="b"} 2.2
http_requests_total{path="/mcp",code="200"} 700
http_requests_total{path="/mcp",code="404"} 30
http_requests_total{path="/mcp",code="500"} 400
process_start_time_seconds 10
process_resident_memory_bytes 3145728
# TYPE nodejs_active_handles_total gauge
nodejs_active_handles_total 3
`

// The difference counts, not what happened before the first reading: 400 errors then
// are none now, and the slow calls are in the last bucket.
func TestDifference(t *testing.T) {
	t.Parallel()
	r := Judge(Config{Target: "http://user:secret@h/metrics", Slow: time.Second}, at(t, 1000, before), at(t, 1010, after))
	got := judged(r)
	want := map[string]string{
		"metrics.errors": "pass /mcp: 0 of 230 calls failed, 0.0 % (95 % interval 0.0 % to 1.6 %)\n",
		"metrics.slow":   "warn tools/call a: p99 > 1s, 99.0 % of all time of rpc_seconds\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got)\n%s", diff)
	}
	if r.Window != "over 10s" || r.Restarted || strings.Contains(r.Target, "secret") {
		t.Errorf("window %q, restarted %t, target %s", r.Window, r.Restarted, r.Target)
	}
	a, b := r.Endpoints[0], r.Endpoints[1]
	if a.Endpoint != "tools/call a" || a.Count != 110 || a.Mean != 2 || a.quantile(0.95) != "> 1s" || a.quantile(0.5) != "61ms (0s–100ms)" {
		t.Errorf("endpoint %+v, p95 %s, p50 %s", a, a.quantile(0.95), a.quantile(0.5))
	}
	if b.quantile(0.95) == "-" || b.quantile(0.99) != "-" {
		t.Errorf("60 observations have a p95, but no p99: %s and %s", b.quantile(0.95), b.quantile(0.99))
	}
	if f := r.Process[0]; *f.Change != 2<<20 {
		t.Errorf("memory grew by %g", *f.Change)
	}
}

// One reading is labelled with the time since the start, and judged as such.
func TestSinceTheStart(t *testing.T) {
	t.Parallel()
	r := Judge(Config{Slow: time.Second}, nil, at(t, 10+6*24*3600, before))
	if r.Window != "since the start, 6 days" || r.Seconds != 6*24*3600 {
		t.Errorf("window %q, %g s", r.Window, r.Seconds)
	}
	if got := judged(r)["metrics.errors"]; !strings.HasPrefix(got, "fail /mcp: 400 of 900 calls failed, 44.4 % (95 % interval 41.2 % to 47.7 %)") {
		t.Error(got)
	}
	if rep := r.Report(); rep.Outcome != finding.Found || r.Verdict != "sick" {
		t.Errorf("outcome %d, verdict %s", rep.Outcome, r.Verdict)
	}
}

// A counter that fell is a restart, and so is another start time; a gauge that fell is not.
func TestRestart(t *testing.T) {
	t.Parallel()
	const gauge = "# TYPE nodejs_active_handles_total gauge\nnodejs_active_handles_total 9\n"
	for name, tc := range map[string]struct {
		now  string
		want bool
	}{
		"a counter fell":        {strings.ReplaceAll(after, `code="200"} 700`, `code="200"} 20`), true},
		"a new start time":      {strings.ReplaceAll(after, "start_time_seconds 10", "start_time_seconds 1005"), true},
		"a histogram fell":      {strings.ReplaceAll(after, " 1110\n", " 3\n"), true},
		"only a gauge fell":     {after, false},
		"a clock that wandered": {strings.ReplaceAll(after, "start_time_seconds 10", "start_time_seconds 10.4"), false},
	} {
		r := Judge(Config{Slow: time.Second}, at(t, 1000, before+gauge), at(t, 1010, tc.now))
		_, said := judged(r)["metrics.restart"]
		if r.Restarted != tc.want || said != tc.want {
			t.Errorf("%s: restarted %t, said %t", name, r.Restarted, said)
		}
		if i := slices.IndexFunc(r.Errors, func(e ErrorRate) bool { return e.Metric == "http_requests_total" }); tc.want && r.Errors[i].Calls < 430 {
			t.Errorf("%s: the new values count whole, not %g calls", name, r.Errors[i].Calls)
		}
	}
}

// Without data nothing passes, and a healthy server gives no finding.
func TestNoDataAndHealthy(t *testing.T) {
	t.Parallel()
	nothing := Judge(Config{Slow: time.Second}, at(t, 0, "up 1\n"), at(t, 10, "up 1\n"))
	if nothing.Verdict != "unknown" {
		t.Errorf("verdict %s", nothing.Verdict)
	}
	for id, text := range judged(nothing) {
		if !strings.HasPrefix(text, "skip ") {
			t.Errorf("%s: %s", id, text)
		}
	}
	page := func(n int) string {
		return fmt.Sprintf("req_seconds_bucket{path=\"/mcp\",code=\"200\",le=\"0.1\"} %d\nreq_seconds_bucket{path=\"/mcp\",code=\"200\",le=\"+Inf\"} %[1]d\nreq_seconds_count{path=\"/mcp\",code=\"200\"} %[1]d\n"+
			"process_open_fds 10\nprocess_max_fds 1024\nnodejs_eventloop_lag_p99_seconds 0.01\ngo_gc_duration_seconds_sum 0.1\n", n)
	}
	r := Judge(Config{Slow: time.Second}, at(t, 0, page(100)), at(t, 10, page(2000)))
	if r.Verdict != "healthy" || len(r.Findings) != 5 || finding.Worst(r.Findings) != finding.Pass {
		t.Errorf("verdict %s, findings %+v", r.Verdict, r.Findings)
	}
	sick := Judge(Config{Slow: time.Second}, nil, at(t, 0, "process_open_fds 1000\nprocess_max_fds 1024\nnodejs_eventloop_lag_p99_seconds 0.2\n"))
	if got := judged(sick); !strings.HasPrefix(got["metrics.fds"], "fail 1,000 of 1,024") || !strings.HasPrefix(got["metrics.eventloop"], "warn ") {
		t.Errorf("findings %v", got)
	}
}

// A summary keeps the quantiles of its own window; only its mean is a difference.
func TestSummary(t *testing.T) {
	t.Parallel()
	page := "# TYPE d_seconds summary\nd_seconds{quantile=\"0.5\"} 0.125\nd_seconds{quantile=\"0.99\"} NaN\nd_seconds_sum %d\nd_seconds_count %d\n"
	r := Judge(Config{}, at(t, 0, fmt.Sprintf(page, 100, 10)), at(t, 10, fmt.Sprintf(page, 104, 12)))
	if len(r.Summaries) != 1 || *r.Summaries[0].Mean != 2 || len(r.Summaries[0].Quantiles) != 1 || r.Summaries[0].Quantiles["0.5"] != 0.125 {
		t.Errorf("summaries %+v", r.Summaries)
	}
}

// The quantiles of a difference are those that Prometheus computes of the same two readings.
func TestQuantilesOfPrometheus(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is missing: it comes with Debian's prometheus")
	}
	bounds := []string{"0.005", "0.05", "0.5", "2.5", "10", "+Inf"}
	for name, tc := range map[string]struct{ before, after []int }{
		"spread":        {[]int{3, 10, 40, 80, 90, 90}, []int{53, 300, 800, 1000, 1100, 1110}},
		"first bucket":  {[]int{0, 0, 0, 0, 0, 0}, []int{500, 500, 500, 500, 500, 500}},
		"last bucket":   {[]int{9, 9, 9, 9, 9, 9}, []int{9, 9, 9, 9, 9, 409}},
		"empty buckets": {[]int{1, 1, 1, 1, 1, 1}, []int{101, 101, 101, 901, 901, 901}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first, second, series strings.Builder
			for i, le := range bounds {
				fmt.Fprintf(&first, "x_seconds_bucket{le=%q} %d\n", le, tc.before[i])
				fmt.Fprintf(&second, "x_seconds_bucket{le=%q} %d\n", le, tc.after[i])
				fmt.Fprintf(&series, "      - series: 'x_seconds_bucket{le=%q}'\n        values: '%d %d'\n", le, tc.before[i], tc.after[i])
			}
			r := Judge(Config{}, at(t, 0, first.String()), at(t, 60, second.String()))
			var exprs strings.Builder
			for _, q := range r.Endpoints[0].Quantiles {
				v := q.Low // the answer of Prometheus in the last bucket
				if q.Estimate != nil {
					v = q.Estimate
				}
				fmt.Fprintf(&exprs, "      - expr: round(1e6 * histogram_quantile(%g, x_seconds_bucket - x_seconds_bucket offset 1m))\n        eval_time: 1m\n        exp_samples: [{labels: '{}', value: %.0f}]\n", q.Q, math.Round(1e6**v))
			}
			file := filepath.Join(t.TempDir(), "test.yml")
			text := "tests:\n  - interval: 1m\n    input_series:\n" + series.String() + "    promql_expr_test:\n" + exprs.String()
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(promtool, "test", "rules", file).CombinedOutput(); err != nil || len(r.Endpoints[0].Quantiles) != 3 {
				t.Errorf("%v\n%s\n%s", err, out, text)
			}
		})
	}
}

// FuzzJudge wants no page to break the judge, and no quantile outside its bounds.
func FuzzJudge(f *testing.F) {
	f.Add([]byte(before), []byte(after))
	f.Add([]byte("a_bucket{le=\"1\"} NaN\n"), []byte("a_bucket{le=\"-1\"} +Inf\nprocess_start_time_seconds -Inf\n"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		a, err := promtext.Parse(first)
		b, err2 := promtext.Parse(second)
		if err != nil || err2 != nil {
			return
		}
		r := Judge(Config{Slow: time.Second}, &Scrape{a, time.Unix(0, 0)}, &Scrape{b, time.Unix(10, 0)})
		if err := r.Text(&strings.Builder{}, false); err != nil {
			t.Error(err)
		}
		for _, e := range r.Endpoints {
			for _, q := range e.Quantiles {
				if q.Estimate != nil && q.Low != nil && !(*q.Low <= *q.Estimate && *q.Estimate <= *q.High) {
					t.Errorf("%+v", q)
				}
			}
		}
	})
}
