package prometheus

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/deps/webapi"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Paths are all that is asked for, with GET.
var Paths = []string{"/-/ready", "/api/v1/status/buildinfo", "/api/v1/status/tsdb", "/api/v1/targets", "/api/v1/rules", "/api/v1/alertmanagers", "/api/v1/query"}

// Config describes a check.
type Config struct {
	Server *webapi.Server
	Match  checks.Labels // of the targets, alerts and series that are judged; empty is all
	Slow   time.Duration // a 99 % quantile above it is a warning
	Only   func(id string) bool
}

type checker struct {
	Config
	checks.List
}

// Check judges the server and returns the findings.
func Check(ctx context.Context, cfg Config) []finding.Finding {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c := &checker{Config: cfg, List: checks.List{Group: "prometheus", Only: cfg.Only}}
	if !c.connect(ctx) {
		return c.Findings
	}
	c.Run(ctx, []checks.Check{
		{ID: "prom.clock", Run: func(_ context.Context, id string) error { return c.Server.Clock(&c.List, id) }},
		{ID: "prom.targets", Run: c.targets},
		{ID: "prom.rules", Run: c.rules},
		{ID: "prom.alerts", Run: c.alerts},
		{ID: "prom.series", Run: c.series},
		{ID: "prom.latency", Run: c.latency},
		{ID: "prom.errors", Run: c.errorRatios},
		{ID: "prom.throttled", Run: c.throttled},
	})
	return c.Findings
}

// get asks for the data of a path.
func (c *checker) get(ctx context.Context, path string, query url.Values, into any) error {
	answer := struct {
		Status string `json:"status"`
		Data   any    `json:"data"`
	}{Data: into}
	err := webapi.MissingRight(c.Server.Get(ctx, path, query, &answer), path)
	if err == nil && answer.Status != "success" {
		return fmt.Errorf("%s: the answer is not one of Prometheus", path)
	}
	return err
}

func (c *checker) connect(ctx context.Context) bool {
	const id = "prom.connect"
	start := time.Now()
	var build struct {
		Version string `json:"version"`
	}
	err := c.get(ctx, "/api/v1/status/buildinfo", nil, &build)
	took := time.Since(start)
	var notReady error
	if err == nil || webapi.Status(err) > 0 { // a server that is silent has had its time
		_, notReady = c.Server.Text(ctx, "/-/ready", nil)
	}
	switch {
	case err != nil && webapi.Status(notReady) != http.StatusServiceUnavailable:
		c.Add(id, finding.Fail, "is this the address of a Prometheus server, and does it run?", nil, "%s", report.Cell(err.Error(), 200))
		return false
	case webapi.Status(notReady) == http.StatusServiceUnavailable:
		c.Add(id, finding.Fail, "it replays its log after a start, or shuts down: see its own log", nil, "the server is not ready: %s", report.Cell(notReady.Error(), 160))
		return false
	}
	c.Add(id, finding.Pass, "", nil, "Prometheus %s, answered in %s", report.Cell(build.Version, 20), report.Duration(took))
	return true
}

type target struct {
	Labels    map[string]string `json:"labels"`
	ScrapeURL string            `json:"scrapeUrl"`
	LastError string            `json:"lastError"`
	Took      float64           `json:"lastScrapeDuration"`
	Interval  string            `json:"scrapeInterval"` // since 2.32
	Health    string            `json:"health"`
}

// maxScrape is the share of its interval from which a scrape takes too long.
const maxScrape = 0.8

// targets judges the scrapes of all targets. A target that is down is a failure: its
// figures are missing from every graph and alert.
func (c *checker) targets(ctx context.Context, id string) error {
	var data struct {
		Active []target `json:"activeTargets"`
	}
	if err := c.get(ctx, "/api/v1/targets", url.Values{"state": {"active"}}, &data); err != nil {
		return err
	}
	all := slices.DeleteFunc(data.Active, func(t target) bool { return !c.Match.In(t.Labels) })
	if len(all) == 0 {
		c.Add(id, finding.Warn, "compare scrape_configs, and the service discovery page", nil, "no target%s: nothing is scraped", c.matching())
		return nil
	}
	var down, slow []string
	for _, t := range all {
		interval, _ := time.ParseDuration(t.Interval) // 0 where it is absent
		switch share := t.Took / interval.Seconds(); {
		case t.Health == "down":
			down = append(down, fmt.Sprintf("%s: %s", checks.Describe(t.Labels), cmp.Or(report.Cell(t.LastError, 120), "no error was recorded")))
		case interval > 0 && share > maxScrape:
			slow = append(slow, fmt.Sprintf("%s: %s of %s", checks.Describe(t.Labels), report.Millis(t.Took*1000), t.Interval))
		}
	}
	if len(down) > 0 {
		c.Add(id, finding.Fail, "its alerts see no data: repair the target or its address in scrape_configs", down, "%d of %s down", len(down), report.Plural(int64(len(all)), "target"))
	}
	if len(slow) > 0 {
		c.Add(id, finding.Warn, "a scrape that takes longer than scrape_timeout is lost: make the page smaller or the interval longer", slow, "%s take more than %s of their interval", report.Plural(int64(len(slow)), "scrape"), report.Percent(maxScrape))
	}
	if len(down)+len(slow) == 0 {
		c.Add(id, finding.Pass, "", nil, "no target of %d is down", len(all))
	}
	return nil
}

// matching names the labels that were asked for.
func (c *checker) matching() string {
	if len(c.Match) == 0 {
		return ""
	}
	return " with " + report.Cell(strings.Join(c.Match.Matchers(), ", "), 80)
}

type rule struct {
	Type   string            `json:"type"`
	Name   string            `json:"name"`
	Health string            `json:"health"`
	Error  string            `json:"lastError"`
	Labels map[string]string `json:"labels"`
	Alerts []struct {
		Labels   map[string]string `json:"labels"`
		State    string            `json:"state"`
		ActiveAt time.Time         `json:"activeAt"`
	} `json:"alerts"`
}

func (c *checker) allRules(ctx context.Context) ([]rule, error) {
	var data struct {
		Groups []struct {
			Rules []rule `json:"rules"`
		} `json:"groups"`
	}
	err := c.get(ctx, "/api/v1/rules", nil, &data)
	var all []rule
	for _, g := range data.Groups {
		all = append(all, g.Rules...)
	}
	return all, err
}

// rules judges whether the rules can be evaluated, and whether their alerts go anywhere.
func (c *checker) rules(ctx context.Context, id string) error {
	all, err := c.allRules(ctx)
	if err != nil {
		return err
	}
	before := len(c.Findings)
	var broken []string
	alerts := 0
	for _, r := range all {
		if r.Type == "alerting" {
			alerts++
		}
		if r.Health == "err" {
			broken = append(broken, fmt.Sprintf("%s: %s", report.Cell(r.Name, 60), report.Cell(r.Error, 160)))
		}
	}
	if len(broken) > 0 {
		c.Add(id, finding.Fail, "an alert whose rule fails never fires: promtool check rules, and the query by hand", broken, "%d of %s cannot be evaluated", len(broken), report.Plural(int64(len(all)), "rule"))
	}
	var receivers struct {
		Active []any `json:"activeAlertmanagers"`
	}
	if err := c.get(ctx, "/api/v1/alertmanagers", nil, &receivers); err == nil && alerts > 0 && len(receivers.Active) == 0 {
		c.Add(id, finding.Warn, "name one under alerting: alertmanagers: in its configuration", nil, "%s, but no Alertmanager that they are sent to", report.Plural(int64(alerts), "alert rule"))
	}
	c.Found(before, id, "%s, none of them fails", report.Plural(int64(len(all)), "rule"))
	return nil
}

// alerts reports the alerts that fire. Prometheus does not know which are silenced.
func (c *checker) alerts(ctx context.Context, id string) error {
	all, err := c.allRules(ctx)
	if err != nil {
		return err
	}
	type alert struct {
		severity finding.Severity
		text     string
	}
	var firing []alert
	pending := 0
	for _, r := range all {
		for _, a := range r.Alerts {
			switch {
			case !c.Match.In(a.Labels):
			case a.State == "pending":
				pending++
			case a.State == "firing":
				text := fmt.Sprintf("%s fires since %s: %s", report.Cell(r.Name, 60), checks.Since(a.ActiveAt), checks.Describe(a.Labels, "alertname"))
				firing = append(firing, alert{checks.AlertSeverity(a.Labels), text})
			}
		}
	}
	slices.SortStableFunc(firing, func(a, b alert) int { return b.severity.Compare(a.severity) })
	before := len(c.Findings)
	for _, a := range firing[:min(len(firing), maxShown)] {
		c.Add(id, a.severity, "Alertmanager knows whether it is silenced: --alertmanager", nil, "%s", a.text)
	}
	if more := len(firing) - maxShown; more > 0 {
		c.Add(id, firing[maxShown].severity, "its page of alerts lists them", nil, "%d more alerts fire", more)
	}
	c.Found(before, id, "no alert fires%s, %d pending", c.matching(), pending)
	return nil
}

// maxShown bounds the findings of one check.
const maxShown = 20

// series reports how many series are in memory.
func (c *checker) series(ctx context.Context, id string) error {
	var data struct {
		Head struct {
			Series int64 `json:"numSeries"`
		} `json:"headStats"`
		Names []struct {
			Name  string `json:"name"`
			Value int64  `json:"value"`
		} `json:"seriesCountByMetricName"`
	}
	if err := c.get(ctx, "/api/v1/status/tsdb", nil, &data); err != nil {
		return err
	}
	text := ""
	if len(data.Names) > 0 {
		text = fmt.Sprintf(", most of them of %s: %s", report.Cell(data.Names[0].Name, 60), report.Count(data.Names[0].Value))
	}
	c.Add(id, finding.Pass, "", nil, "%s in memory%s", report.Count(data.Head.Series)+" series", text)
	return nil
}
