package rabbitmq

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/deps/webapi"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// failure is the answer of a health check that fails.
type failure struct {
	Reason string `json:"reason"`
	Alarms []struct {
		Node     string `json:"node"`
		Resource string `json:"resource"`
	} `json:"alarms"`
}

// ask makes a health check of the server; known is false if this version has none of this
// name.
func (c *checker) ask(ctx context.Context, path string) (failed *failure, known bool, err error) {
	err = c.get(ctx, "/api/health/checks/"+path, nil, nil)
	e, refused := errors.AsType[*webapi.StatusError](err)
	switch {
	case err == nil:
		return nil, true, nil
	case refused && e.Code == http.StatusNotFound:
		return nil, false, nil
	case refused && e.Code == http.StatusServiceUnavailable:
		failed = new(failure)
		_ = json.Unmarshal(e.Body, failed) // the status alone says that it failed
		return failed, true, nil
	}
	return nil, true, err
}

// alarms reports the alarms of memory and disk. During one, the server accepts no message.
func (c *checker) alarms(ctx context.Context, id string) error {
	failed, known, err := c.ask(ctx, "alarms")
	switch {
	case err != nil:
		return err
	case !known:
		return errors.New("this version has no health checks; it needs 3.8.10 or newer")
	case failed == nil:
		c.Add(id, finding.Pass, "", nil, "no alarm is in effect")
		return nil
	}
	var evidence []string
	for _, a := range failed.Alarms {
		evidence = append(evidence, fmt.Sprintf("%s on %s", report.Cell(a.Resource, 30), report.Cell(a.Node, 60)))
	}
	c.Add(id, finding.Fail, "publishers hang until it ends: free memory or disk, or consume the queues; the limits are vm_memory_high_watermark and disk_free_limit", evidence,
		"an alarm is in effect: %s", report.Cell(cmp.Or(strings.Join(evidence, ", "), failed.Reason), 160))
	return nil
}

// healthChecks are the checks of the server itself, with advice.
var healthChecks = []struct{ path, hint string }{
	{"virtual-hosts", "a virtual host is down: rabbitmqctl restart_vhost, and the log"},
	{"node-is-quorum-critical", "if this node stops, queues lose their majority: add a replica before a restart"},
	{"certificate-expiration/1/months", "a certificate expires within a month: renew it"},
	{"ready-to-serve-clients", "the server does not take clients: it starts, is in maintenance, or is out of memory"},
}

// health makes the health checks that the version has.
func (c *checker) health(ctx context.Context, id string) error {
	all := healthChecks
	if broker := c.Address.broker; broker != nil {
		all = append(slices.Clip(all), struct{ path, hint string }{"port-listener/" + broker.Port(), "the server does not listen on the port of the address: is there a proxy before it?"})
	}
	before, made := len(c.Findings), 0
	for _, check := range all {
		failed, known, err := c.ask(ctx, check.path)
		if err != nil {
			return err
		}
		if known {
			made++
		}
		if failed != nil {
			c.Add(id, finding.Fail, check.hint, nil, "the health check %s fails: %s", check.path, report.Cell(failed.Reason, 160))
		}
	}
	c.Found(before, id, "%d of %d health checks of the server, none fails; this version has no others", made, len(all))
	return nil
}

type node struct {
	Name         string   `json:"name"`
	Running      bool     `json:"running"`
	MemUsed      float64  `json:"mem_used"`
	MemLimit     float64  `json:"mem_limit"`
	DiskFree     float64  `json:"disk_free"`
	DiskLimit    float64  `json:"disk_free_limit"`
	FilesUsed    float64  `json:"fd_used"`
	FilesTotal   float64  `json:"fd_total"`
	SocketsUsed  float64  `json:"sockets_used"`
	SocketsTotal float64  `json:"sockets_total"`
	Partitions   []string `json:"partitions"`
}

// nodes judges memory, disk, files and sockets of each node against their limits.
func (c *checker) nodes(ctx context.Context, id string) error {
	var all []node
	if err := c.get(ctx, "/api/nodes", nil, &all); err != nil {
		return err
	}
	before := len(c.Findings)
	for _, n := range all {
		name := report.Cell(n.Name, 60)
		if !n.Running {
			c.Add(id, finding.Fail, "rabbitmq-diagnostics -n "+name+" status", nil, "the node %s does not run", name)
		}
		if len(n.Partitions) > 0 {
			c.Add(id, finding.Fail, "nodes that do not see each other lose messages: repair the network, then restart the smaller side", nil, "%s is cut off from %s", name, report.Cell(strings.Join(n.Partitions, ", "), 120))
		}
		for _, use := range []struct {
			name        string
			used, limit float64
			format      func(float64) string
			hint        string
		}{
			{"memory", n.MemUsed, n.MemLimit, megabytes, "at its limit the server accepts no message: consume the queues, or raise vm_memory_high_watermark"},
			{"files", n.FilesUsed, n.FilesTotal, count, "find the client that leaks connections (rabbit.churn); ulimit -n"},
			{"sockets", n.SocketsUsed, n.SocketsTotal, count, "find the client that leaks connections (rabbit.churn)"},
		} {
			if s := finding.Graded(use.used/max(use.limit, 1), 0.8, 0.95); use.limit > 0 && s != finding.Pass {
				c.Add(id, s, use.hint, nil, "%s uses %s of %s of its %s (%s)", name, use.format(use.used), use.format(use.limit), use.name, report.Percent(use.used/use.limit))
			}
		}
		if n.DiskLimit > 0 && n.DiskFree < 2*n.DiskLimit {
			c.Add(id, finding.Warn, "below the limit the server accepts no message", nil, "%s has %s of disk left; its limit is %s", name, megabytes(n.DiskFree), megabytes(n.DiskLimit))
		}
	}
	c.Found(before, id, "%s, within the limits of memory, disk, files and sockets", report.Plural(int64(len(all)), "node"))
	return nil
}

func megabytes(v float64) string { return report.MB(v / (1 << 20)) }
func count(v float64) string     { return report.Count(int64(v)) }

// churnWarn is the number of connections a second from which a client connects for each call.
const churnWarn = 1

// churn judges how many connections are opened a second: over the interval, or as the
// server computes it.
func (c *checker) churn(ctx context.Context, id string) error {
	first, err := c.first()
	if err != nil {
		return err
	}
	rate, over := first.Churn.Details.Rate, "by the server's own rate"
	if c.Interval > 0 {
		if !checks.Wait(ctx, c.Interval-time.Since(c.began)) { // rabbit.queues has waited, if it was wanted
			return ctx.Err()
		}
		second, err := c.overview(ctx)
		if err != nil {
			return err
		}
		rate, over = max(0, second.Churn.Created-first.Churn.Created)/time.Since(c.began).Seconds(), "in "+report.Duration(c.Interval)
	}
	severity := finding.Pass
	if rate >= churnWarn {
		severity = finding.Warn
	}
	c.Add(id, severity, "a connection for each call is slow and leaks easily: keep one open, with a channel for each thread", nil, "%.1f connections a second are opened (%s), %s open, %s",
		rate, over, report.Plural(first.Totals.Connections, "connection"), report.Plural(first.Totals.Channels, "channel"))
	return nil
}

type overview struct {
	Totals struct {
		Connections int64 `json:"connections"`
		Channels    int64 `json:"channels"`
		Queues      int64 `json:"queues"`
	} `json:"object_totals"`
	Churn struct {
		Created float64 `json:"connection_created"`
		Details struct {
			Rate float64 `json:"rate"`
		} `json:"connection_created_details"`
	} `json:"churn_rates"`
}

func (c *checker) overview(ctx context.Context) (o overview, err error) {
	err = c.get(ctx, "/api/overview", nil, &o)
	return o, err
}
