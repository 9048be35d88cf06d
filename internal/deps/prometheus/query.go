package prometheus

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// maxNames bounds the metrics that are judged.
const maxNames = 10

// own are the prefixes of metrics that Prometheus and its libraries have of themselves.
const own = "prometheus_|alertmanager_|promhttp_|go_|net_conntrack_|node_|scrape_"

// value is one element of an instant vector.
type value struct {
	labels map[string]string
	v      float64
}

// query evaluates an expression now. NaN, as 0/0 of a rate without calls, is no data.
func (c *checker) query(ctx context.Context, expression string) ([]value, error) {
	var data struct {
		Type   string `json:"resultType"`
		Result []struct {
			Metric map[string]string  `json:"metric"`
			Value  [2]json.RawMessage `json:"value"`
		} `json:"result"`
	}
	if err := c.get(ctx, "/api/v1/query", url.Values{"query": {expression}, "timeout": {"2s"}}, &data); err != nil {
		return nil, err
	}
	var all []value
	for _, r := range data.Result {
		v, err := strconv.ParseFloat(strings.Trim(string(r.Value[1]), `"`), 64)
		if err == nil && !math.IsNaN(v) {
			all = append(all, value{r.Metric, v})
		}
	}
	slices.SortStableFunc(all, func(a, b value) int { return cmp.Compare(b.v, a.v) })
	return all, nil
}

// selector writes a selector of a metric with the labels that were asked for.
func (c *checker) selector(more ...string) string {
	return "{" + strings.Join(append(more, c.Match.Matchers()...), ",") + "}"
}

// names returns the names of metrics that match a pattern and have a label.
func (c *checker) names(ctx context.Context, pattern, label string) ([]string, error) {
	more := []string{fmt.Sprintf(`__name__=~%q`, pattern), fmt.Sprintf(`__name__!~"(%s).*"`, own), label}
	found, err := c.query(ctx, "count by (__name__) ("+c.selector(more...)+")")
	var all []string
	for _, v := range found {
		all = append(all, v.labels["__name__"])
	}
	slices.Sort(all)
	return all[:min(len(all), maxNames)], err
}

// latency judges the 99 % quantiles of the histograms of requests that exist, over five
// minutes.
func (c *checker) latency(ctx context.Context, id string) error {
	names, err := c.names(ctx, `.*(request|call|rpc|http|tool|mcp).*_seconds_bucket`, `le!=""`)
	if err != nil {
		return err
	}
	before, judged := len(c.Findings), 0
	for _, name := range names {
		found, err := c.query(ctx, fmt.Sprintf("histogram_quantile(0.99, sum by (le, job) (rate(%s%s[5m])))", name, c.selector()))
		if err != nil {
			return err
		}
		for _, v := range found {
			judged++
			if v.v > c.Slow.Seconds() {
				c.Add(id, finding.Warn, "mcpdiag metrics and mcpdiag flame show which calls, and where their time goes", nil, "%s of %s: p99 is %s by histogram_quantile over 5 minutes",
					report.Cell(strings.TrimSuffix(name, "_bucket"), 60), report.Cell(v.labels["job"], 40), report.Millis(v.v*1000))
			}
		}
	}
	if judged == 0 {
		c.Add(id, finding.Skip, "", nil, "no data: no histogram of requests%s in seconds grew in 5 minutes", c.matching())
		return nil
	}
	c.Found(before, id, "the 99 %% quantiles of %s are at or below %s over 5 minutes", report.Plural(int64(judged), "histogram"), report.Duration(c.Slow))
	return nil
}

// statusLabels tell requests that failed, with the values that mean an error of the server.
var statusLabels = []struct{ name, failed string }{
	{"code", "5.."}, {"status", "5..|error|failed|failure|timeout"}, {"status_code", "5.."}, {"http_response_status_code", "5.."}, {"result", "error|failed|failure|timeout"}, {"outcome", "error|failed|failure|timeout"},
}

// errorRatios judges the share of failed requests of the counters that exist, over five
// minutes.
func (c *checker) errorRatios(ctx context.Context, id string) error {
	before, judged := len(c.Findings), 0
	for _, label := range statusLabels {
		names, err := c.names(ctx, `.*(request|call|rpc|http|tool|mcp).*_(total|count)`, label.name+`!=""`)
		if err != nil {
			return err
		}
		for _, name := range names {
			all := fmt.Sprintf("sum by (job) (rate(%s%s[5m]))", name, c.selector(label.name+`!=""`))
			failed := fmt.Sprintf("sum by (job) (rate(%s%s[5m]))", name, c.selector(fmt.Sprintf("%s=~%q", label.name, label.failed)))
			found, err := c.query(ctx, fmt.Sprintf("(%s or 0 * %s) / %s", failed, all, all))
			if err != nil {
				return err
			}
			for _, v := range found {
				judged++
				if s := finding.Graded(v.v, 0.01, 0.05); s != finding.Pass {
					c.Add(id, s, "mcpdiag logs groups the errors of the server", nil, "%s of %s: %s failed over 5 minutes, by the label %s", report.Cell(name, 60), report.Cell(v.labels["job"], 40), report.Percent(v.v), label.name)
				}
			}
		}
	}
	if judged == 0 {
		c.Add(id, finding.Skip, "", nil, "no data: no counter of requests%s with a label such as code grew in 5 minutes", c.matching())
		return nil
	}
	c.Found(before, id, "less than 1 %% of the requests failed over 5 minutes, by %s", report.Plural(int64(judged), "counter"))
	return nil
}

// throttled judges the share of periods in which containers had to wait for the CPU.
func (c *checker) throttled(ctx context.Context, id string) error {
	const counter = "container_cpu_cfs_%s_total%s[5m]"
	found, err := c.query(ctx, fmt.Sprintf("sum by (namespace, pod) (rate("+counter+")) / sum by (namespace, pod) (rate("+counter+"))", "throttled_periods", c.selector(`container!=""`), "periods", c.selector(`container!=""`)))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		c.Add(id, finding.Skip, "", nil, "no data: no container_cpu_cfs_periods_total%s grew in 5 minutes", c.matching())
		return nil
	}
	before := len(c.Findings)
	for _, v := range found[:min(len(found), 5)] {
		if s := finding.Graded(v.v, 0.25, math.Inf(1)); s != finding.Pass {
			c.Add(id, s, "its calls wait for the CPU limit of the container, not for work: raise the limit or remove it", nil, "%s was throttled in %s of the periods of 5 minutes", checks.Describe(v.labels), report.Percent(v.v))
		}
	}
	c.Found(before, id, "no pod was throttled in 25 %% of the periods of 5 minutes")
	return nil
}
