package postgres

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mcpdiag/mcpdiag/internal/deps/depstest"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// A pool without a free connection is named by the admin console, and the application's
// own address says where to ask. A healthy pool gives no finding, also through it.
func TestPgBouncer(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts PostgreSQL and PgBouncer")
	}
	server := depstest.Postgres(t)
	do(t, client(t, server.Address, "setup"), "CREATE ROLE app LOGIN; GRANT pg_monitor TO app; CREATE EXTENSION pg_stat_statements")
	console := depstest.PgBouncer(t, server)
	pooled := strings.Replace(strings.TrimSuffix(console.Address, "pgbouncer")+"app", "watcher@", "app@", 1)
	first, second := client(t, pooled, "mcp-server"), client(t, pooled, "mcp-server")
	do(t, first, "SELECT 1")

	depstest.Healthy(t, check(t, pooled, DefaultLimits()), "pg.rates")
	list := check(t, console.Address, DefaultLimits())
	depstest.Healthy(t, list)
	depstest.Wants(t, list, "pg.connect", finding.Pass, "admin console of PgBouncer 1.")
	depstest.Wants(t, list, "pgb.pools", finding.Pass, "no client waits for a connection in 2 pools")
	depstest.Wants(t, list, "pgb.clients", finding.Pass, "3 of 20 clients are connected")

	exhaust(t, pooled, console.Address, first, second)

	list = check(t, strings.Replace(console.Address, "watcher@", "app@", 1), DefaultLimits())
	if len(list) != 1 {
		t.Errorf("a role without the right: %+v", list)
	}
	depstest.Wants(t, list, "pgb.pools", finding.Skip, "missing: app in its stats_users")
	onlyShown(t, console.Log)
}

// exhaust takes both connections of the pool, has a third client wait, and gives them back.
func exhaust(t *testing.T, pooled, console string, first, second *pgconn.PgConn) {
	t.Helper()
	do(t, first, "BEGIN; SELECT 1")
	do(t, second, "BEGIN; SELECT 1")
	third, done := client(t, pooled, "mcp-server"), make(chan error)
	go func() { done <- third.Exec(context.Background(), "SELECT 1").Close() }()
	var list []finding.Finding
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if list = check(t, console, DefaultLimits()); finding.Worst(list) != finding.Pass {
			break
		}
	}
	depstest.Wants(t, list, "pgb.pools", finding.Warn, "the pool of app for app, mode transaction: 1 client waiting, the longest for ")
	depstest.Wants(t, list, "pgb.pools", finding.Warn, "2 of 2 server connections are in use")
	depstest.Wants(t, list, "pgb.pools", finding.Warn, "2 clients of mcp-server from 127.0.0.1, active")
	list = check(t, pooled, DefaultLimits()) // it waits until its deadline
	depstest.Wants(t, list, "pg.connect", finding.Fail, "no statement was answered within 3s")
	depstest.Wants(t, list, "pg.connect", finding.Fail, "the database pgbouncer")
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if list = check(t, console, DefaultLimits()); finding.Worst(list) == finding.Fail {
			break
		}
	}
	depstest.Wants(t, list, "pgb.pools", finding.Fail, "the longest for ")
	do(t, first, "ROLLBACK")
	do(t, second, "ROLLBACK")
	if err := <-done; err != nil {
		t.Errorf("the client that waited: %v", err)
	}
	depstest.Healthy(t, check(t, console, DefaultLimits()))
}

// onlyShown reads the log of PgBouncer: its console was asked nothing but listed commands.
func onlyShown(t *testing.T, file string) {
	t.Helper()
	log, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for line := range strings.Lines(string(log)) {
		_, command, ok := strings.Cut(line, "got admin query: ")
		if !ok {
			continue
		}
		asked++
		switch console(strings.TrimSpace(command)) {
		case showPools, showClients, showDatabases, showConfig:
		default:
			t.Errorf("not in the list: %s", command)
		}
	}
	if asked < 10 {
		t.Errorf("only %d commands are in the log", asked)
	}
}
