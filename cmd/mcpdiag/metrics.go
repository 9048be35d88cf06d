package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/deps/metrics"
)

// metricsReader is one run of the metrics command.
type metricsReader struct {
	a      *app
	conn   connection
	cfg    metrics.Config
	failOn choice
	format choice
	output string
}

func newMetricsCmd(a *app) *cobra.Command {
	m := metricsReader{a: a}
	cmd := &cobra.Command{
		SuggestFor: []string{"prometheus", "quantiles"},
		Use:        "metrics [TARGET]",
		Short:      "Read the /metrics of a server: latency, errors, its process",
		Long: `metrics reads the page twice, in the format of Prometheus or OpenMetrics, and judges
the difference: the slowest endpoints with quantiles and the bounds of their
buckets, error rates with their 95 % interval, open files, event-loop lag and
garbage collection. --interval 0 reads once: the figures are those since the start.

A failure makes the exit code 3.`,
		Example: `  mcpdiag metrics http://localhost:9464
  mcpdiag metrics localhost:3100 --interval 1m --slow 500ms
  mcpdiag metrics localhost:3100 --interval 0 --format json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return m.run(cmd.Context(), args) },
	}
	fs := cmd.Flags()
	durationVar(fs, &m.cfg.Interval, "interval", 10*time.Second, "time between the two readings; 0 reads once")
	durationVar(fs, &m.cfg.Slow, "slow", time.Second, "warn of a 99 % quantile above this")
	choiceVar(cmd, fs, &m.failOn, "fail-on", "findings that make the exit code 3", "fail", "warn")
	formatVar(cmd, fs, &m.format)
	fs.StringVarP(&m.output, "output", "o", "", "write the result to this file")
	m.conn.addFlags(fs, 10*time.Second)
	group(fs, "Output", "format", "output", "fail-on")
	foundMaySet(fs, "url", "interval", "slow", "fail-on", "format")
	paths(fs, "output")
	return cmd
}

func (m *metricsReader) run(ctx context.Context, args []string) error {
	targets, err := m.conn.targets(args, "/metrics")
	if err != nil {
		return err
	}
	c, err := m.conn.open(m.a, targets, 0)
	if err != nil {
		return err
	}
	m.cfg.Target = targets[0].String()
	if m.cfg.Interval > 0 {
		m.a.note("reading twice, %s apart", m.cfg.Interval)
	}
	res, err := metrics.Run(ctx, c, m.cfg)
	if err != nil {
		return err
	}
	return m.a.concludeOn(m.failOn.value, m.output, m.format.value, res)
}
