package assist

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps"
	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/monitor"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Limits on the time of monitor, in seconds. The default is within the deadline that most
// clients set for a call.
const (
	monitorDefault = 30
	monitorMost    = 900
)

// listedProcesses is the number of processes that an error lists.
const listedProcesses = 10

// addProcessTools adds the tools that look at processes and dependencies.
func (s *Server) addProcessTools() {
	add(s, spec{
		name: "monitor", title: "Watch memory", limit: (monitorMost + 30) * time.Second,
		about: "Watch the memory of a running process and its descendants for some seconds and judge it: leak, no leak or undecided, with CPU, threads, files and sockets. Short runs are often undecided: a leak shows over minutes of load.",
	}, s.monitor)
	add(s, spec{
		name: "deps", title: "Check dependencies", limit: 2 * time.Minute,
		about: "Check the servers that were configured at the start. PostgreSQL and Redis: connections, transactions that stay open, blocked sessions, slow statements and commands, memory, keys that never expire. RabbitMQ: alarms, queues without a consumer. Buckets: reach, clock, rights. Kubernetes: pods that restart. Prometheus and Alertmanager: targets that are down, alerts that fire. It changes nothing.",
	}, s.deps)
}

type monitorArgs struct {
	PID      int      `json:"pid,omitempty" jsonschema:"the process with this id"`
	Name     string   `json:"name,omitempty" jsonschema:"the process whose name, executable or arguments contain this"`
	Port     int      `json:"port,omitempty" jsonschema:"the process that listens on this TCP port"`
	Seconds  *float64 `json:"seconds,omitempty" jsonschema:"how long to watch, 1 to 900; default 30"`
	Interval *float64 `json:"interval,omitempty" jsonschema:"seconds between samples, 0.1 to 60; default 1"`
}

func (s *Server) monitor(ctx context.Context, j *job, in monitorArgs) (*monitor.Result, error) {
	named := 0
	for _, is := range []bool{in.PID != 0, in.Name != "", in.Port != 0} {
		if is {
			named++
		}
	}
	if named != 1 || in.PID < 0 || in.Port < 0 {
		return nil, errors.New("name the process by one of pid, name and port")
	}
	length, err := seconds("seconds", in.Seconds, monitorDefault, 1, monitorMost)
	if err != nil {
		return nil, err
	}
	interval, err := seconds("interval", in.Interval, 1, 0.1, 60)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	cfg := monitor.Config{Target: process.Target{PID: in.PID, Name: in.Name, Port: in.Port}, Interval: interval, Duration: length, RestartWait: 5 * time.Second}
	res, err := monitor.Run(ctx, cfg, nil, func(sample *monitor.Sample) {
		j.note(time.Since(began).Seconds(), length.Seconds(), fmt.Sprintf("process %d: %s", sample.PID, report.MB(sample.RSSTotal)))
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if several := new(process.AmbiguousError); errors.As(err, &several) {
		return nil, choose(several.Found)
	}
	return res, err
}

// choose returns an error that lists processes, one of which must be chosen.
func choose(found []process.Info) error {
	var b strings.Builder
	b.WriteString("several processes match; give the pid of one:")
	for _, p := range found[:min(len(found), listedProcesses)] {
		fmt.Fprintf(&b, "\n%d %s", p.PID, report.Cell(p.Command(), 100))
	}
	return errors.New(b.String())
}

type depsArgs struct {
	Only     []string `json:"only,omitempty" jsonschema:"run these checks only, such as pg.slots or pg.*"`
	Interval *float64 `json:"interval,omitempty" jsonschema:"seconds between two readings of counters, for rates, 0 to 60; default 0 reads once"`
	Slow     *float64 `json:"slow,omitempty" jsonschema:"warn of statements that take longer on average, in seconds; default 1"`
}

func (s *Server) deps(ctx context.Context, j *job, in depsArgs) (*deps.Result, error) {
	if len(s.cfg.Deps) == 0 {
		return nil, errors.New("no dependency is configured: start mcpdiag mcp with DATABASE_URL, REDIS_URL or PROMETHEUS_URL in its environment, or with --from-config FILE")
	}
	interval, err := seconds("interval", in.Interval, 0, 0, 60)
	if err != nil {
		return nil, err
	}
	slow, err := seconds("slow", in.Slow, 1, 0.001, 3600)
	if err != nil {
		return nil, err
	}
	if err := deps.CheckOnly(in.Only); err != nil {
		return nil, fmt.Errorf("only: %w", err)
	}
	j.note(0, 0, "checking "+report.Plural(int64(len(s.cfg.Deps)), "server"))
	transport := s.cfg.Client
	transport.Header, transport.Timeout = nil, checks.ConnectTime // the credentials are in the addresses
	c, err := client.New(transport)
	if err != nil {
		return nil, err
	}
	defer c.HTTP().CloseIdleConnections()
	return deps.Run(ctx, deps.Config{Targets: s.cfg.Deps, Client: c, TLS: c.TLS(), Interval: interval, Slow: slow, Pattern: "rate_limit:*", Only: in.Only})
}
