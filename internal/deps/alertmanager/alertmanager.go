// Package alertmanager judges an Alertmanager: alerts that are active, alerts that are
// silenced, and silences that end soon.
//
// [Check] asks for the paths in [Paths] and sends nothing else.
package alertmanager

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/deps/webapi"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Paths are all that is asked for, with GET.
var Paths = []string{"/api/v2/status", "/api/v2/alerts", "/api/v2/silences"}

// endsSoon is the time before its end from which a silence is reported.
const endsSoon = time.Hour

// maxShown bounds the findings of one check.
const maxShown = 20

// Config describes a check.
type Config struct {
	Server *webapi.Server
	Match  checks.Labels // of the alerts that are judged; empty is all
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
	c := &checker{Config: cfg, List: checks.List{Group: "alertmanager", Only: cfg.Only}}
	if !c.connect(ctx) {
		return c.Findings
	}
	c.Run(ctx, []checks.Check{
		{ID: "am.clock", Run: func(_ context.Context, id string) error { return c.Server.Clock(&c.List, id) }},
		{ID: "am.alerts", Run: c.alerts},
		{ID: "am.silenced", Run: c.silenced},
	})
	return c.Findings
}

func (c *checker) get(ctx context.Context, path string, query url.Values, into any) error {
	return webapi.MissingRight(c.Server.Get(ctx, path, query, into), path)
}

func (c *checker) connect(ctx context.Context) bool {
	const id = "am.connect"
	start := time.Now()
	var status struct {
		Cluster struct {
			Status string `json:"status"`
			Peers  []any  `json:"peers"`
		} `json:"cluster"`
		Version struct {
			Version string `json:"version"`
		} `json:"versionInfo"`
	}
	if err := c.get(ctx, "/api/v2/status", nil, &status); err != nil {
		c.Add(id, finding.Fail, "is this the address of an Alertmanager, and does it run?", nil, "%s", report.Cell(err.Error(), 200))
		return false
	}
	severity, cluster := finding.Pass, "not in a cluster"
	switch status.Cluster.Status {
	case "ready":
		cluster = "in a cluster of " + report.Plural(int64(len(status.Cluster.Peers)), "peer")
	case "settling":
		severity, cluster = finding.Warn, "its cluster is still settling"
	}
	c.Add(id, severity, "until it is, alerts may be sent twice or late: are the peers reachable on their cluster port?", nil, "Alertmanager %s, %s, answered in %s", report.Cell(status.Version.Version, 20), cluster, report.Duration(time.Since(start)))
	return true
}

type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	Status      struct {
		SilencedBy []string `json:"silencedBy"`
	} `json:"status"`
}

// ask returns the alerts with the labels that are judged, the most serious first.
func (c *checker) ask(ctx context.Context, query url.Values) ([]alert, error) {
	query["filter"] = c.Match.Matchers()
	var all []alert
	err := c.get(ctx, "/api/v2/alerts", query, &all)
	slices.SortStableFunc(all, func(a, b alert) int { return checks.AlertSeverity(b.Labels).Compare(checks.AlertSeverity(a.Labels)) })
	return all, err
}

// alerts reports the alerts that fire and are neither silenced nor inhibited.
func (c *checker) alerts(ctx context.Context, id string) error {
	all, err := c.ask(ctx, url.Values{"active": {"true"}, "silenced": {"false"}, "inhibited": {"false"}, "unprocessed": {"false"}})
	if err != nil {
		return err
	}
	for _, a := range all[:min(len(all), maxShown)] {
		var evidence []string
		for _, name := range []string{"summary", "description", "message", "runbook_url"} {
			if text := a.Annotations[name]; text != "" {
				evidence = append(evidence, name+": "+report.Cell(text, 200))
			}
		}
		c.Add(id, checks.AlertSeverity(a.Labels), "amtool alert query shows it; find what changed since then with mcpdiag logs", evidence, "%s fires since %s: %s",
			report.Cell(a.Labels["alertname"], 60), checks.Since(a.StartsAt), checks.Describe(a.Labels, "alertname"))
	}
	switch {
	case len(all) > maxShown:
		c.Add(id, checks.AlertSeverity(all[maxShown].Labels), "amtool alert query lists them", nil, "%d more alerts fire", len(all)-maxShown)
	case len(all) == 0:
		c.Add(id, finding.Pass, "", nil, "no alert fires that is not silenced or inhibited")
	}
	return nil
}

type silence struct {
	ID        string    `json:"id"`
	Comment   string    `json:"comment"`
	CreatedBy string    `json:"createdBy"`
	EndsAt    time.Time `json:"endsAt"`
	Status    struct {
		State string `json:"state"`
	} `json:"status"`
}

// silenced reports the alerts that fire and are silenced, and warns of a silence that
// ends soon.
func (c *checker) silenced(ctx context.Context, id string) error {
	all, err := c.ask(ctx, url.Values{"active": {"false"}, "silenced": {"true"}, "inhibited": {"false"}, "unprocessed": {"false"}})
	if err != nil {
		return err
	}
	var silences []silence
	if err := c.get(ctx, "/api/v2/silences", nil, &silences); err != nil {
		return err
	}
	before := len(c.Findings)
	for _, a := range all[:min(len(all), maxShown)] {
		severity, text := finding.Info, ""
		var last time.Time // of several silences
		for _, s := range silences {
			if !slices.Contains(a.Status.SilencedBy, s.ID) || s.EndsAt.Before(last) {
				continue
			}
			last = s.EndsAt
			severity, text = finding.Info, fmt.Sprintf(" until %s by %s (%s)", checks.Since(s.EndsAt), report.Cell(s.CreatedBy, 40), report.Cell(s.Comment, 80))
			if left := time.Until(s.EndsAt); left < endsSoon {
				severity, text = finding.Warn, fmt.Sprintf(" for only %s more, by %s (%s)", report.Duration(max(left, 0)), report.Cell(s.CreatedBy, 40), report.Cell(s.Comment, 80))
			}
		}
		c.Add(id, severity, "repair it before then, or extend the silence by hand", nil, "%s fires since %s and is silenced%s: %s", report.Cell(a.Labels["alertname"], 60), checks.Since(a.StartsAt), text, checks.Describe(a.Labels, "alertname"))
	}
	active := 0
	for _, s := range silences {
		if s.Status.State == "active" {
			active++
		}
	}
	c.Found(before, id, "no alert that fires is silenced; %s active", report.Plural(int64(active), "silence"))
	return nil
}
