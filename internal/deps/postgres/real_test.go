package postgres

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mcpdiag/mcpdiag/internal/deps/depstest"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// client opens a session of an application.
func client(t *testing.T, address, application string) *pgconn.PgConn {
	t.Helper()
	cfg, err := pgconn.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["application_name"] = application
	conn, err := pgconn.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

func do(t *testing.T, conn *pgconn.PgConn, sql string) {
	t.Helper()
	if err := conn.Exec(t.Context(), sql).Close(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// check runs all checks with limits of a test.
func check(t *testing.T, address string, limits Limits) []finding.Finding {
	t.Helper()
	server, err := Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	list := Check(t.Context(), Config{Server: server, Slow: time.Second, Only: func(string) bool { return true }, Limits: limits})
	t.Logf("checked in %s", time.Since(start))
	return list
}

func of(list []finding.Finding, id string) (found []finding.Finding) {
	for _, f := range list {
		if f.ID == id {
			found = append(found, f)
		}
	}
	return found
}

func as(address, user string) string { return strings.Replace(address, "postgres@", user+"@", 1) }

// The checks of a real server: first healthy, then with planted faults.
func TestRealServer(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts PostgreSQL")
	}
	server := depstest.Postgres(t)
	setup := client(t, server.Address, "setup")
	for _, sql := range []string{
		"CREATE ROLE app LOGIN", "CREATE ROLE watcher LOGIN", "GRANT pg_monitor TO watcher", "CREATE ROLE blind LOGIN", `CREATE ROLE "small""role" LOGIN CONNECTION LIMIT 2`,
		"CREATE TABLE stock (id int PRIMARY KEY, n int)", "INSERT INTO stock SELECT i, 0 FROM generate_series(1, 10) i", "GRANT ALL ON stock TO app", "CREATE EXTENSION pg_stat_statements",
	} {
		do(t, setup, sql)
	}
	t.Run("healthy", func(t *testing.T) { healthy(t, server) })
	t.Run("blind role", func(t *testing.T) { blind(t, server) })
	t.Run("chain of waiters", func(t *testing.T) { chain(t, server) })
	t.Run("idle in transaction", func(t *testing.T) { idle(t, server) })
	t.Run("leaky pool", func(t *testing.T) { leakyPool(t, server) })
	t.Run("held", func(t *testing.T) { held(t, server) })
	t.Run("slow statement", func(t *testing.T) { slow(t, server) })
	t.Run("refusals", func(t *testing.T) { refusals(t, server) })
	t.Run("all slots", func(t *testing.T) { allSlots(t, server) })
	t.Run("nothing else was sent", func(t *testing.T) { onlyListed(t, server) })
}

// healthy wants no warning from a server without a fault, also one on which statements
// run and a transaction is open for a moment.
func healthy(t *testing.T, server depstest.Server) {
	do(t, client(t, as(server.Address, "app"), "mcp-server"), "BEGIN; SELECT 1")
	for _, user := range []string{"postgres", "watcher"} {
		list := check(t, as(server.Address, user), DefaultLimits())
		for _, f := range list {
			if f.Severity.Compare(finding.Skip) > 0 || f.Severity == finding.Skip && f.ID != "pg.rates" {
				t.Errorf("%s: %s %s %s", user, f.Severity, f.ID, f.Summary)
			}
		}
		if len(list) < 14 {
			t.Errorf("%s: only %d findings", user, len(list))
		}
	}
}

// blind wants a role without the right to see others to be skipped with the grant.
func blind(t *testing.T, server depstest.Server) {
	list := check(t, as(server.Address, "blind"), DefaultLimits())
	for _, id := range []string{"pg.slots", "pg.idle-tx", "pg.blocked", "pg.long", "pg.statements", "pg.horizon", "pg.replica"} {
		f := of(list, id)
		if len(f) != 1 || f[0].Severity != finding.Skip || !strings.Contains(f[0].Summary, `GRANT pg_monitor TO "blind"`) {
			t.Errorf("%s: %+v", id, f)
		}
	}
}

// waits waits until the server says that n sessions wait for a lock.
func waits(t *testing.T, conn *pgconn.PgConn, n int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		r := conn.ExecParams(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND cardinality(pg_blocking_pids(pid)) > 0", nil, nil, nil, nil).Read()
		if r.Err == nil && string(r.Rows[0][0]) == strconv.Itoa(n) {
			return
		}
	}
	t.Fatalf("%d sessions do not wait", n)
}

// chain plants root → two waiters → one more, and a second root with one waiter.
func chain(t *testing.T, server depstest.Server) {
	app := as(server.Address, "app")
	watch := client(t, server.Address, "watch")
	root, second := client(t, app, "root"), client(t, app, "second")
	do(t, root, "BEGIN; UPDATE stock SET n = 1 WHERE id = 1")
	do(t, second, "BEGIN; UPDATE stock SET n = 1 WHERE id = 5")
	var pids []int
	for i, sql := range []string{
		"BEGIN; UPDATE stock SET n = 2 WHERE id = 2; UPDATE stock SET n = 2 WHERE id = 1", "BEGIN; SELECT n FROM stock WHERE id = 1 FOR SHARE",
		"UPDATE stock SET n = 3 WHERE id = 2 AND 'secret' <> ''", "UPDATE stock SET n = 3 WHERE id = 5",
	} {
		conn := client(t, app, "waiter")
		pids = append(pids, int(conn.PID()))
		go func() { _ = conn.Exec(context.Background(), sql).Close() }()
		waits(t, watch, i+1)
	}
	limits := DefaultLimits()
	limits.BlockedWarn, limits.BlockedFail = time.Millisecond, time.Hour
	found := of(check(t, as(server.Address, "watcher"), limits), "pg.blocked")
	if len(found) != 2 {
		t.Fatalf("two roots are planted: %+v", found)
	}
	slices.SortFunc(found, func(a, b finding.Finding) int { return len(b.Evidence) - len(a.Evidence) })
	edges := map[string]bool{}
	for _, f := range found {
		edgesOf(t, f, edges)
	}
	if diff := cmp.Diff(trueEdges(t, watch), edges); diff != "" {
		t.Errorf("the tree differs from pg_blocking_pids (-want +got)\n%s", diff)
	}
	if !strings.Contains(found[0].Summary, fmt.Sprintf("pid %d blocks 3 sessions", root.PID())) || !strings.Contains(found[0].Hint, fmt.Sprintf("SELECT pg_terminate_backend(%d)", root.PID())) {
		t.Errorf("%+v", found[0])
	}
	if !strings.Contains(found[1].Summary, fmt.Sprintf("pid %d blocks 1 session", second.PID())) || !strings.Contains(found[1].Evidence[1].Text, strconv.Itoa(pids[3])) {
		t.Errorf("%+v", found[1])
	}
	if strings.Contains(fmt.Sprint(found), "secret") {
		t.Errorf("a literal is shown: %+v", found)
	}
	for _, pid := range append(pids, int(root.PID()), int(second.PID())) {
		do(t, watch, fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid))
	}
}

// edgesOf reads "blocker → waiter" from the indentation of a tree.
func edgesOf(t *testing.T, f finding.Finding, edges map[string]bool) {
	t.Helper()
	var path []string
	for _, e := range f.Evidence {
		depth := strings.Count(e.Text, "· ")
		_, rest, _ := strings.Cut(e.Text, "pid ")
		pid, _, _ := strings.Cut(rest, ",")
		path = append(path[:depth], pid)
		if depth > 0 {
			edges[path[depth-1]+" → "+pid] = true
		}
	}
}

func trueEdges(t *testing.T, conn *pgconn.PgConn) map[string]bool {
	t.Helper()
	r := conn.ExecParams(t.Context(), "SELECT DISTINCT unnest(pg_blocking_pids(pid)) || ' → ' || pid FROM pg_stat_activity", nil, nil, nil, nil).Read()
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	edges := map[string]bool{}
	for _, values := range r.Rows {
		edges[string(values[0])] = true
	}
	return edges
}

// idle plants two sessions that are idle in a transaction; one blocks a third.
func idle(t *testing.T, server depstest.Server) {
	app := as(server.Address, "app")
	watch := client(t, server.Address, "watch")
	harmless, blocker, waiter := client(t, app, "harmless"), client(t, app, "blocker"), client(t, app, "waiter")
	do(t, harmless, "BEGIN; SELECT 1")
	do(t, blocker, "BEGIN; UPDATE stock SET n = 1 WHERE id = 1")
	go func() { _ = waiter.Exec(context.Background(), "UPDATE stock SET n = 2 WHERE id = 1").Close() }()
	waits(t, watch, 1)
	limits := DefaultLimits()
	got := of(check(t, server.Address, limits), "pg.idle-tx")
	if len(got) != 1 || got[0].Severity != finding.Fail || !strings.Contains(got[0].Summary, fmt.Sprintf("pid %d (blocker) is idle in a transaction", blocker.PID())) || !strings.Contains(got[0].Summary, fmt.Sprintf("blocks pid %d", waiter.PID())) {
		t.Errorf("only the one that blocks is a finding yet: %+v", got)
	}
	limits.IdleWarn = time.Millisecond
	got = of(check(t, server.Address, limits), "pg.idle-tx")
	if len(got) != 2 || !strings.Contains(fmt.Sprint(got), "(harmless)") || !strings.Contains(fmt.Sprint(got), "blocks nobody") {
		t.Errorf("two sessions are idle in a transaction: %+v", got)
	}
	for _, conn := range []*pgconn.PgConn{harmless, blocker, waiter} {
		do(t, watch, fmt.Sprintf("SELECT pg_terminate_backend(%d)", conn.PID()))
	}
}

// leakyPool opens a connection for each call and gives none back.
func leakyPool(t *testing.T, server depstest.Server) {
	done, ended := make(chan bool), make(chan bool)
	var leaked []*pgconn.PgConn
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
			if len(leaked) == 8 {
				continue
			}
			cfg, err := pgconn.ParseConfig(as(server.Address, "app") + "?application_name=leaky-server")
			if err != nil {
				return
			}
			conn, err := pgconn.ConnectConfig(context.Background(), cfg)
			if err != nil || conn.Exec(context.Background(), "SELECT 1").Close() != nil {
				return
			}
			leaked = append(leaked, conn)
		}
	}()
	cfg, err := Parse(as(server.Address, "watcher"))
	if err != nil {
		t.Fatal(err)
	}
	list := Check(t.Context(), Config{Server: cfg, Interval: 500 * time.Millisecond, Only: func(id string) bool { return strings.HasPrefix(id, "pg.conn") || id == "pg.rates" }, Limits: DefaultLimits()})
	close(done)
	<-ended
	depstest.Wants(t, list, "pg.conn-leak", finding.Warn, "leaky-server (app) from 127.0.0.1 opened ")
	steady := Check(t.Context(), Config{Server: cfg, Interval: 20 * time.Millisecond, Only: func(id string) bool { return id == "pg.conn-leak" }, Limits: DefaultLimits()})
	depstest.Wants(t, steady, "pg.conn-leak", finding.Pass, "no application opened connections")
	for _, conn := range leaked {
		_ = conn.Close(context.Background())
	}
}

// held counts connections and idle transactions. A role that may not see the state of all
// sessions gets no number of the idle ones.
func held(t *testing.T, server depstest.Server) {
	read := func(user string) Held {
		cfg, err := Parse(as(server.Address, user))
		if err != nil {
			t.Fatal(err)
		}
		h, err := ReadHeld(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	before := read("watcher")
	app := as(server.Address, "app")
	client(t, app, "mcp-server")
	do(t, client(t, app, "mcp-server"), "BEGIN; SELECT 1")
	if after := read("watcher"); after.Connections < before.Connections+1 || after.Idle != before.Idle+1 {
		t.Errorf("%+v, before %+v", after, before)
	}
	if blind := read("blind"); blind.Idle != -1 || blind.Connections < 2 {
		t.Errorf("%+v", blind)
	}
}

// slow plants a statement that is slow on average, and one that runs for long.
func slow(t *testing.T, server depstest.Server) {
	conn := client(t, as(server.Address, "app"), "mcp-server")
	do(t, conn, "SELECT pg_sleep(1.1)")
	go func() { _ = conn.Exec(context.Background(), "SELECT pg_sleep(60)").Close() }()
	watch := client(t, server.Address, "watch")
	limits := DefaultLimits()
	limits.LongWarn = time.Millisecond
	var list []finding.Finding
	for range 50 { // until the server has the statement
		if list = of(check(t, server.Address, limits), "pg.long"); strings.Contains(fmt.Sprint(list), strconv.Itoa(int(conn.PID()))) {
			break
		}
	}
	if len(list) != 1 || list[0].Severity != finding.Warn || !strings.Contains(list[0].Hint, fmt.Sprintf("SELECT pg_cancel_backend(%d)", conn.PID())) {
		t.Errorf("%+v", list)
	}
	got := of(check(t, server.Address, DefaultLimits()), "pg.statements")
	if len(got) != 1 || got[0].Severity != finding.Warn || !strings.Contains(got[0].Evidence[0].Text, "pg_sleep") || !strings.Contains(got[0].Summary, "1 calls") {
		t.Errorf("%+v", got)
	}
	do(t, watch, fmt.Sprintf("SELECT pg_terminate_backend(%d)", conn.PID()))
	do(t, watch, "SELECT pg_stat_statements_reset()")
}

// refusals have a hint each; an unreachable server is one within the time to connect.
func refusals(t *testing.T, server depstest.Server) {
	for address, want := range map[string]string{
		strings.TrimSuffix(server.Address, "/postgres") + "/none": "SQLSTATE 3D000",
		as(server.Address, "nobody"):                              "SQLSTATE 28000",
		"postgres://a:topsecret@127.0.0.1:1/b":                    "no connection: connection refused",
	} {
		list := check(t, address, DefaultLimits())
		if len(list) != 1 || list[0].ID != "pg.connect" || list[0].Severity != finding.Fail || !strings.Contains(list[0].Summary, want) || list[0].Hint == "" || strings.Contains(fmt.Sprint(list), "topsecret") {
			t.Errorf("%s: %+v", want, list)
		}
	}
}

// allSlots takes all slots: those of applications first, then the reserved ones.
func allSlots(t *testing.T, server depstest.Server) {
	watch := client(t, server.Address, "watch")
	free := func() int { // once the server has seen that the last check ended
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			r := watch.ExecParams(t.Context(), "SELECT 20 - count(*), count(*) FILTER (WHERE application_name = 'mcpdiag') FROM pg_stat_activity WHERE backend_type = 'client backend'", nil, nil, nil, nil).Read()
			if n, err := strconv.Atoi(string(r.Rows[0][0])); err == nil && string(r.Rows[0][1]) == "0" {
				return n
			}
		}
		t.Fatal("the session of a check did not end")
		return 0
	}
	small := as(server.Address, `small"role`)
	for range 2 {
		client(t, small, "small")
	}
	if list := of(check(t, server.Address, DefaultLimits()), "pg.slots"); !strings.Contains(fmt.Sprint(list), `role small"role has 2 of its 2 connections`) {
		t.Errorf("%+v", list)
	}
	for range free() - 3 {
		client(t, as(server.Address, "app"), "leaky-pool")
	}
	list := of(check(t, server.Address, DefaultLimits()), "pg.slots")
	if len(list) == 0 || list[0].Severity != finding.Fail || !strings.Contains(list[0].Summary, "17 of 17 slots") || !strings.Contains(list[0].Evidence[0].Text, "leaky-pool") {
		t.Errorf("%+v", list)
	}
	for range free() {
		client(t, server.Address, "admin")
	}
	list = check(t, server.Address, DefaultLimits())
	if len(list) != 2 || list[0].ID != "pg.connect" || !strings.Contains(list[0].Summary, "53300") || list[1].ID != "pg.slots" || list[1].Severity != finding.Fail {
		t.Errorf("20 of 20 slots: %+v", list)
	}
}

// onlyListed reads the log of the server: mcpdiag sent nothing but listed statements.
func onlyListed(t *testing.T, server depstest.Server) {
	log, err := os.ReadFile(server.Log)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for st := range texts {
		listed[flat(st.text())] = true
	}
	sent := 0
	for _, entry := range entries(string(log)) {
		text, ok := strings.CutPrefix(entry, "mcpdiag|LOG:  statement: ")
		if !ok {
			continue
		}
		sent++
		if !listed[flat(text)] {
			t.Errorf("not in the list: %s", text)
		}
	}
	if sent < 100 {
		t.Errorf("only %d statements of mcpdiag are in the log", sent)
	}
}

// entries splits a log; a line that begins with a tab continues an entry.
func entries(log string) []string { return strings.Split(strings.ReplaceAll(log, "\n\t", " "), "\n") }

func flat(text string) string { return strings.Join(strings.Fields(text), " ") }
