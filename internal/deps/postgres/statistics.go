package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// slots judges the share of the connections that are in use, also of those with a limit of
// their own.
func (c *checker) slots(ctx context.Context, id string) error {
	rows, err := c.session.ask(ctx, slotsUsed)
	if err != nil {
		return err
	}
	used, usable := rows[0].number(0), rows[0].number(1)
	holders, err := c.session.ask(ctx, slotHolders)
	if err != nil {
		return err
	}
	var evidence []string
	for _, r := range holders {
		evidence = append(evidence, fmt.Sprintf("%s connections of %s from %s, %s, the longest for %s", r[3], report.Cell(r[0], 40), r[1], r[2], report.Duration(r.seconds(4))))
	}
	const hint = "pool size × replicas must fit; close idle connections, or let PgBouncer share them"
	c.Add(id, finding.Graded(used/max(usable, 1), 0.8, 0.95), hint, evidence, "%.0f of %.0f slots are in use (%s)", used, usable, report.Percent(used/max(usable, 1)))
	limits, err := c.session.ask(ctx, slotLimits)
	if err != nil {
		return err
	}
	for _, r := range limits {
		if severity := finding.Graded(r.number(2)/r.number(1), 0.8, 0.95); severity != finding.Pass {
			c.Add(id, severity, hint, evidence, "%s has %s of its %s connections", report.Cell(r[0], 60), r[2], r[1])
		}
	}
	return nil
}

// statements judges the mean time of the statements with the largest share of the time.
func (c *checker) statements(ctx context.Context, id string) error {
	rows, err := c.session.ask(ctx, slowStatements)
	if sqlState(err) == "42703" { // before 1.8 the columns had other names
		rows, err = c.session.ask(ctx, slowStatements12)
	}
	switch sqlState(err) {
	case "42P01":
		c.Add(id, finding.Skip, "", nil, "missing: shared_preload_libraries = 'pg_stat_statements', then CREATE EXTENSION pg_stat_statements in this database")
		return nil
	case "55000":
		c.Add(id, finding.Skip, "", nil, "missing: shared_preload_libraries = 'pg_stat_statements', and a restart")
		return nil
	}
	if err != nil {
		return err
	}
	slow := 0
	for _, r := range rows {
		mean := time.Duration(r.number(3) * float64(time.Millisecond))
		if mean <= c.Slow {
			continue
		}
		slow++
		c.Add(id, finding.Warn, "EXPLAIN (ANALYZE, BUFFERS) shows why", []string{report.Cell(masked(r[9]), 200)}, "%s mean, %s max, ± %s, %s calls, %s of all time, %.1f rows a call, %s of its pages cached",
			report.Millis(r.number(3)), report.Millis(r.number(4)), report.Millis(r.number(5)), report.Count(int64(r.number(0))), report.Percent(r.number(1)/max(r.number(2), 1e-9)),
			r.number(6)/max(r.number(0), 1), report.Percent(r.number(7)/max(r.number(7)+r.number(8), 1)))
	}
	if slow == 0 {
		c.Add(id, finding.Pass, "", nil, "no statement of the 20 with the most time takes more than %s on average", report.Duration(c.Slow))
	}
	return nil
}

// listed adds a finding for each row of an answer, or that there is none.
func (c *checker) listed(ctx context.Context, id string, st statement, none string, judge func(row)) error {
	rows, err := c.session.ask(ctx, st)
	if err != nil {
		return err
	}
	before := len(c.Findings)
	for _, r := range rows {
		judge(r)
	}
	if len(c.Findings) == before {
		c.Add(id, finding.Pass, "", nil, "%s", none)
	}
	return nil
}

func (c *checker) sequentialScans(ctx context.Context, id string) error {
	return c.listed(ctx, id, sequentialScans, "no large table is read from end to end", func(r row) {
		c.Add(id, finding.Info, "EXPLAIN shows which statement reads it all", nil, "%s: %s rows, read from end to end %s times", report.Cell(r[0], 60), r[1], r[2])
	})
}

func (c *checker) invalidIndexes(ctx context.Context, id string) error {
	return c.listed(ctx, id, invalidIndexes, "all indexes are valid", func(r row) {
		c.Add(id, finding.Warn, "DROP INDEX CONCURRENTLY it, and create it again with CREATE INDEX CONCURRENTLY", nil, "the index %s is not valid: a concurrent build failed", report.Cell(r[0], 60))
	})
}

func (c *checker) deadRows(ctx context.Context, id string) error {
	return c.listed(ctx, id, deadRows, "no large table has 20 % dead rows", func(r row) {
		c.Add(id, finding.Warn, "run VACUUM (ANALYZE) on it; pg.horizon says whether a transaction keeps the rows", nil, "%s: %s dead rows beside %s, last vacuum %s", report.Cell(r[0], 60), r[2], r[1], r[3])
	})
}

func (c *checker) wraparound(ctx context.Context, id string) error {
	return c.listed(ctx, id, oldestTransactionID, "", func(r row) {
		c.Add(id, finding.Graded(r.number(1), 1e9, 1.6e9), "VACUUM the database before 2 billion, when it stops taking writes", nil, "the oldest transaction id, in %s, is %s old", report.Cell(r[0], 60), report.Count(int64(r.number(1))))
	})
}

// horizon judges the transactions and slots that keep the server from removing dead rows
// and old WAL.
func (c *checker) horizon(ctx context.Context, id string) error {
	return c.listed(ctx, id, heldHorizon, "nothing keeps dead rows or old WAL", func(r row) {
		const gb = 1 << 30
		severity := finding.Max(finding.Graded(r.seconds(2), time.Hour, 24*time.Hour), finding.Graded(r.number(3), gb, 10*gb))
		if severity != finding.Pass {
			c.Add(id, severity, "end it if nobody needs it", nil, "the %s %s keeps dead rows for %s, and %s of WAL", r[0], report.Cell(r[1], 60), report.Duration(r.seconds(2)), report.MB(r.number(3)/(1<<20)))
		}
	})
}

func (c *checker) replica(ctx context.Context, id string) error {
	return c.listed(ctx, id, replicationLag, "no replica lags", func(r row) {
		if severity := finding.Graded(r.seconds(1), 10*time.Second, time.Minute); severity != finding.Pass {
			c.Add(id, severity, "compare the network and the disk of the replica with those of the primary", nil, "%s is %s behind", report.Cell(r[0], 60), report.Duration(r.seconds(1)))
		}
	})
}

// settings reports the timeouts that the server gives new sessions.
func (c *checker) settings(ctx context.Context, id string) error {
	return c.listed(ctx, id, timeouts, "", func(r row) {
		if r[1] == "0" {
			c.Add(id, finding.Info, "set it for the role of the MCP server: ALTER ROLE … SET "+r[0], nil, "%s is 0: no limit", r[0])
		} else {
			c.Add(id, finding.Pass, "", nil, "%s is %s ms", r[0], r[1])
		}
	})
}

// rates judges the counters of the database over the interval.
func (c *checker) rates(ctx context.Context, id string) error {
	if c.Interval <= 0 {
		c.Add(id, finding.Skip, "", nil, "rates need two readings: --interval 10s")
		return nil
	}
	first, err := c.session.ask(ctx, databaseCounters)
	if err != nil {
		return err
	}
	if !c.pause() {
		return ctx.Err()
	}
	c.transactions = first
	second, err := c.session.ask(ctx, databaseCounters)
	if err != nil {
		return err
	}
	rise := func(i int) float64 { return max(0, second[0].number(i)-first[0].number(i)) }
	seconds := c.Interval.Seconds()
	severity := finding.Pass
	if rise(0) > 0 {
		severity = finding.Warn
	}
	c.Add(id, severity, "the log of the server has both statements of each deadlock", nil, "%.0f deadlocks, %s of temporary files a second, %.1f commits and %.1f rollbacks a second, %s of pages cached",
		rise(0), report.MB(rise(1)/seconds/(1<<20)), rise(2)/seconds, rise(3)/seconds, report.Percent(rise(4)/max(rise(4)+rise(5), 1)))
	return nil
}
