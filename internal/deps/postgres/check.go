package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Config describes a check.
type Config struct {
	Server   *pgconn.Config
	Interval time.Duration // between two readings of the counters; 0 reads once
	Slow     time.Duration // a mean time of a statement above it is a warning
	Only     func(id string) bool
	Limits   Limits
}

// Limits are the ages from which sessions are a finding.
type Limits struct {
	IdleWarn, IdleFail       time.Duration // idle in transaction
	BlockedWarn, BlockedFail time.Duration
	LongWarn, LongFail       time.Duration
}

// DefaultLimits returns the limits of a production server.
func DefaultLimits() Limits {
	return Limits{time.Minute, 5 * time.Minute, 5 * time.Second, 30 * time.Second, time.Minute, 10 * time.Minute}
}

// checker collects the findings of one server.
type checker struct {
	Config
	checks.List
	session  *session
	about    about
	sessions func() ([]backend, error) // read once for all checks
	pause    func() bool               // waits for the interval, once

	transactions []row // the counters of the database before the interval, if pg.rates read them
}

// about is the server, and the rights of the role.
type about struct {
	version  string
	number   int
	standby  bool
	monitors bool // sees the sessions of others
}

// Check connects, judges the server and returns the findings.
func Check(ctx context.Context, cfg Config) []finding.Finding {
	ctx, cancel := context.WithTimeout(ctx, checkTime+cfg.Interval)
	defer cancel()
	c := &checker{Config: cfg, List: checks.List{Group: "postgres", Only: cfg.Only}}
	c.sessions = sync.OnceValues(func() ([]backend, error) { return c.backends(ctx) })
	c.pause = sync.OnceValue(func() bool { return checks.Wait(ctx, cfg.Interval) })
	if !c.connect(ctx) {
		return c.Findings
	}
	defer c.session.close()
	if cfg.Interval > 0 && c.about.monitors {
		_, _ = c.sessions() // before the interval; its error is that of the checks
	}
	c.Run(ctx, []checks.Check{
		{ID: "pg.slots", Run: c.ofOthers(c.slots)},
		{ID: "pg.idle-tx", Run: c.ofOthers(c.idleInTransaction)},
		{ID: "pg.blocked", Run: c.ofOthers(c.blocked)},
		{ID: "pg.long", Run: c.ofOthers(c.long)},
		{ID: "pg.statements", Run: c.ofOthers(c.statements)},
		{ID: "pg.seqscan", Run: c.sequentialScans},
		{ID: "pg.index", Run: c.invalidIndexes},
		{ID: "pg.vacuum", Run: c.deadRows},
		{ID: "pg.wrap", Run: c.wraparound},
		{ID: "pg.horizon", Run: c.ofOthers(c.horizon)},
		{ID: "pg.replica", Run: c.ofOthers(c.replica)},
		{ID: "pg.rates", Run: c.rates},
		{ID: "pg.conn-leak", Run: c.ofOthers(c.connectionLeak)},
		{ID: "pg.settings", Run: c.settings},
	})
	return c.Findings
}

// ofOthers returns a check of sessions or statistics of others, for which the role may lack
// the right.
func (c *checker) ofOthers(run func(context.Context, string) error) func(context.Context, string) error {
	if c.about.monitors {
		return run
	}
	return func(context.Context, string) error {
		return &checks.MissingRightError{Right: fmt.Sprintf("%s; the role sees only its own sessions", c.session.grant)}
	}
}

func (c *checker) connect(ctx context.Context) bool {
	start := time.Now()
	within, cancel := context.WithTimeout(ctx, checks.ConnectTime)
	defer cancel()
	var err error
	if c.session, err = connect(within, c.Server); err != nil {
		c.refused(err)
		return false
	}
	if version, ok := strings.CutSuffix(c.session.conn.ParameterStatus("server_version"), bouncer); ok {
		c.Add("pg.connect", finding.Pass, "", nil, "admin console of PgBouncer %s, answered in %s", report.Cell(version, 20), report.Duration(time.Since(start)))
		c.pooler(ctx)
		c.session.close()
		return false
	}
	rows, err := c.session.ask(within, aboutServer)
	if errors.Is(err, context.DeadlineExceeded) {
		c.Add("pg.connect", finding.Fail, "a pooler whose pool has no free connection takes logins and lets statements wait. Of PgBouncer ask the admin console: the same address with the database pgbouncer", nil,
			"the login succeeded, and no statement was answered within %s", report.Duration(checks.ConnectTime))
	} else if err != nil {
		c.refused(err)
	}
	if err != nil {
		c.session.close()
		return false
	}
	r := rows[0]
	c.about = about{r[0], int(r.number(1)), r[2] == "t", r[4] == "t"}
	c.session.grant = "GRANT pg_monitor TO " + identifier(r[3])
	kind := "primary"
	if c.about.standby {
		kind = "standby"
	}
	c.Add("pg.connect", finding.Pass, "", nil, "PostgreSQL %s, %s, answered in %s", c.about.version, kind, report.Duration(time.Since(start)))
	return true
}

// hints are the ways out of a refusal, by its SQLSTATE.
var hints = map[string]string{
	"28P01": "the password is wrong; compare it with the one of the MCP server's environment",
	"28000": "pg_hba.conf has no entry for this user, address and encryption",
	"3D000": "the database does not exist; compare the name with: psql -l",
	"53300": "all slots are taken: close connections or make pools smaller; PgBouncer lets many clients share few slots",
	"57P03": "the server starts, stops or recovers; its log says which",
	"08P01": "a pooler refused the connection, at max_client_conn or for a database that it does not know; compare with the address of PostgreSQL itself",
}

// refused reports a connection that failed. A server without a free slot is the
// finding pg.slots, too.
func (c *checker) refused(err error) {
	if c.deniedConsole(err) {
		return
	}
	state := sqlState(err)
	hint, known := hints[state]
	if !known {
		hint = "is the address right, does the server run, and does a firewall let this machine in?"
	}
	c.Add("pg.connect", finding.Fail, hint, nil, "%s", causeOf(err))
	if state == "53300" && c.List.Only("pg.slots") {
		c.Add("pg.slots", finding.Fail, hint, nil, "no slot is free: the server refused the connection with SQLSTATE 53300")
	}
}

// causeOf writes an error of the connection without the address, whose parts pgconn repeats.
func causeOf(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Sprintf("the server refused the connection: %s (SQLSTATE %s)", report.Cell(e.Message, 200), e.Code)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no connection within " + report.Duration(checks.ConnectTime)
	}
	return "no connection: " + report.Cell(lastCause(err).Error(), 300)
}

// lastCause returns the innermost error. Of several addresses of a host it is that of the
// last.
func lastCause(err error) error {
	for {
		switch e := err.(type) { //nolint:errorlint // it walks the chain itself
		case interface{ Unwrap() error }:
			if e.Unwrap() == nil {
				return err
			}
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			all := e.Unwrap()
			if len(all) == 0 {
				return err
			}
			err = all[len(all)-1]
		default:
			return err
		}
	}
}
