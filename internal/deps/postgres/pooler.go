package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// console is one of the commands that may be sent to the admin console of PgBouncer.
type console string

// Commands. They only read.
const (
	showPools     console = "SHOW POOLS"
	showClients   console = "SHOW CLIENTS"
	showDatabases console = "SHOW DATABASES"
	showConfig    console = "SHOW CONFIG"
)

// PgBouncer gives its own version with this suffix where the database is its admin console.
const (
	bouncer         = "/bouncer"
	consoleDatabase = "pgbouncer"
)

// poolFail is a wait for a connection that is a failure; any is a warning.
const poolFail = 5 * time.Second

// record is one row of an answer, by the names of its columns: they differ from version to
// version.
type record map[string]string

func (r record) number(name string) float64 {
	v, _ := strconv.ParseFloat(r[name], 64) // 0 for a column that this version does not have
	return v
}

// show sends a command to the admin console.
func (s *session) show(ctx context.Context, command console) ([]record, error) {
	names, rows, err := s.read(ctx, string(command))
	if err != nil {
		return nil, fmt.Errorf("asking PgBouncer: %w", err)
	}
	var all []record
	for _, values := range rows {
		r := record{}
		for i, name := range names[:min(len(names), len(values))] {
			r[name] = values[i]
		}
		all = append(all, r)
	}
	return all, nil
}

// deniedConsole reports whether PgBouncer refused its admin console to the role.
func (c *checker) deniedConsole(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || c.Server.Database != consoleDatabase || e.Message != "not allowed" {
		return false
	}
	c.Add("pgb.pools", finding.Skip, "", nil, "the role %s may not use the admin console of PgBouncer; missing: %s in its stats_users, then RELOAD", report.Cell(c.Server.User, 30), report.Cell(c.Server.User, 30))
	return true
}

// pooler judges the pools of a PgBouncer.
func (c *checker) pooler(ctx context.Context) {
	c.Run(ctx, []checks.Check{{ID: "pgb.pools", Run: c.waitingPools}, {ID: "pgb.clients", Run: c.poolerClients}})
}

// waitingPools reports the pools in which clients wait for a connection.
func (c *checker) waitingPools(ctx context.Context, id string) error {
	pools, err := c.session.show(ctx, showPools)
	if err != nil {
		return err
	}
	databases, err := c.session.show(ctx, showDatabases)
	if err != nil {
		return err
	}
	clients, err := c.session.show(ctx, showClients)
	if err != nil {
		return err
	}
	before := len(c.Findings)
	for _, p := range pools {
		if p.number("cl_waiting") > 0 {
			c.waitingPool(id, p, sizeOf(databases, p["database"]), clients)
		}
	}
	c.Found(before, id, "no client waits for a connection in %s", report.Plural(int64(len(pools)), "pool"))
	return nil
}

func (c *checker) waitingPool(id string, p, database record, clients []record) {
	wait := time.Duration(min(p.number("maxwait")+p.number("maxwait_us")/1e6, 1e9) * float64(time.Second))
	hint := "a client that does not end its transaction keeps its connection: pg.idle-tx on the PostgreSQL server names it. Else raise pool_size, as far as max_connections of the server lets it"
	if p["pool_mode"] == "session" {
		hint = "in pool_mode session a client keeps its connection until it disconnects: pool_mode transaction shares it, or raise pool_size"
	}
	if database.number("paused") > 0 {
		hint = "the database is paused: RESUME on the admin console"
	}
	c.Add(id, finding.Graded(wait, 0, poolFail), hint, holders(clients, p), "the pool of %s for %s, mode %s: %s waiting, the longest for %s; %.0f of %s server connections are in use",
		report.Cell(p["user"], 30), report.Cell(p["database"], 40), report.Cell(p["pool_mode"], 20), report.Plural(int64(p.number("cl_waiting")), "client"),
		report.Duration(wait), p.number("sv_active"), cmp.Or(report.Cell(database["pool_size"], 10), "?"))
}

// sizeOf returns the row of a database in SHOW DATABASES.
func sizeOf(databases []record, name string) record {
	i := slices.IndexFunc(databases, func(r record) bool { return r["name"] == name })
	if i < 0 {
		return record{}
	}
	return databases[i]
}

// holders counts the clients of a pool by application, address and state, at most five
// groups, the largest first.
func holders(clients []record, pool record) []string {
	counts := map[string]int64{}
	for _, r := range clients {
		if r["database"] != pool["database"] || r["user"] != pool["user"] {
			continue
		}
		state := r["state"]
		if state == "active" && r["link"] == "" {
			state = "without a server connection"
		}
		counts[fmt.Sprintf("of %s from %s, %s", cmp.Or(report.Cell(r["application_name"], 40), "(no application name)"), report.Cell(r["addr"], 40), report.Cell(state, 40))]++
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b)) })
	var lines []string
	for _, name := range names[:min(len(names), 5)] {
		lines = append(lines, report.Plural(counts[name], "client")+" "+name)
	}
	return lines
}

// poolerClients judges the clients of all pools by the limit.
func (c *checker) poolerClients(ctx context.Context, id string) error {
	pools, err := c.session.show(ctx, showPools)
	if err != nil {
		return err
	}
	config, err := c.session.show(ctx, showConfig)
	if err != nil {
		return err
	}
	used, limit := 0.0, 0.0
	for _, p := range pools {
		used += p.number("cl_active") + p.number("cl_waiting")
	}
	for _, r := range config {
		if r["key"] == "max_client_conn" {
			limit = r.number("value")
		}
	}
	if limit <= 0 {
		return errors.New("SHOW CONFIG has no max_client_conn; is it PgBouncer that answers?")
	}
	c.Add(id, finding.Graded(used/limit, 0.8, 0.95), "clients that do not disconnect, or max_client_conn is too low for pool size × replicas", nil, "%.0f of %.0f clients are connected (%s)", used, limit, report.Percent(used/limit))
	return nil
}
