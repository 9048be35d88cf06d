package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// backend is one session of the server.
type backend struct {
	pid                             int
	application, user, database     string
	client, state, kind, began      string
	query                           string
	inState, inTransaction, inQuery time.Duration
	waits                           time.Duration // for a lock
	blockedBy                       []int
	locks                           int
}

// backends returns all sessions but its own.
func (c *checker) backends(ctx context.Context) ([]backend, error) {
	st := allSessions
	if c.about.number < 140000 {
		st = allSessions13
	}
	rows, err := c.session.ask(ctx, st)
	if err != nil {
		return nil, err
	}
	var all []backend
	for _, r := range rows {
		b := backend{
			pid: int(r.number(0)), application: cmp.Or(r[1], "(no application name)"), user: r[2], database: r[3], client: r[4], state: r[5], kind: r[6],
			inState: r.seconds(7), inTransaction: r.seconds(8), inQuery: r.seconds(9), locks: int(r.number(11)), began: r[12], query: masked(r[13]), waits: r.seconds(14),
		}
		for pid := range strings.SplitSeq(r[10], ",") {
			if n, err := strconv.Atoi(pid); err == nil && !slices.Contains(b.blockedBy, n) {
				b.blockedBy = append(b.blockedBy, n)
			}
		}
		if c.about.number < 140000 && len(b.blockedBy) > 0 {
			b.waits = b.inQuery // older servers do not say when the wait began
		}
		all = append(all, b)
	}
	return all, nil
}

// literal matches a string in a statement, even if its end was cut off.
var literal = regexp.MustCompile(`(?s)\b[eE]'(?:[^'\\]|\\.|'')*(?:'|\\?$)|'(?:[^']|'')*(?:'|$)|\$(\w*)\$.*`)

// masked replaces the strings in a statement: they may be personal data, or secrets.
func masked(query string) string { return literal.ReplaceAllString(query, "'?'") }

// identifier quotes a name for a statement.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// String describes a session in one line.
func (b backend) String() string {
	text := fmt.Sprintf("pid %d, %s, %s@%s from %s since %s, %s for %s", b.pid, report.Cell(b.application, 40), report.Cell(b.user, 30), report.Cell(b.database, 30), b.client, b.began, b.state, report.Duration(b.inState))
	if len(b.blockedBy) > 0 {
		text += ", waits " + report.Duration(b.waits)
	}
	return text + ": " + report.Cell(b.query, 80)
}

// terminate returns the statement that ends sessions, for the user to run.
func terminate(pid int) string {
	return fmt.Sprintf("if it may die, run SELECT pg_terminate_backend(%d); its transaction is rolled back and its client sees a lost connection", pid)
}

// idleInTransaction judges the transactions that no statement runs in, by the time since
// their last one.
func (c *checker) idleInTransaction(_ context.Context, id string) error {
	all, err := c.sessions()
	if err != nil {
		return err
	}
	found := 0
	for _, b := range all {
		if !strings.HasPrefix(b.state, "idle in transaction") {
			continue
		}
		waiting := blockedBy(all, b.pid)
		severity := finding.Graded(b.inState, c.Limits.IdleWarn, c.Limits.IdleFail)
		text := "blocks nobody"
		if len(waiting) > 0 {
			severity, text = finding.Fail, "blocks pid "+joined(waiting)
		}
		if severity == finding.Pass {
			continue
		}
		found++
		c.Add(id, severity, terminate(b.pid)+". For all sessions: idle_in_transaction_session_timeout", []string{b.String()},
			"pid %d (%s) is idle in a transaction for %s, open for %s, holds %s and %s", b.pid, report.Cell(b.application, 40),
			report.Duration(b.inState), report.Duration(b.inTransaction), report.Plural(int64(b.locks), "lock"), text)
	}
	if found == 0 {
		c.Add(id, finding.Pass, "", nil, "no transaction is idle for %s or blocks another", report.Duration(c.Limits.IdleWarn))
	}
	return nil
}

// blockedBy returns the sessions that wait for pid.
func blockedBy(all []backend, pid int) (pids []int) {
	for _, b := range all {
		if slices.Contains(b.blockedBy, pid) {
			pids = append(pids, b.pid)
		}
	}
	return pids
}

func joined(pids []int) string {
	var parts []string
	for _, pid := range pids {
		parts = append(parts, strconv.Itoa(pid))
	}
	return strings.Join(parts, ", ")
}

// tree is a session that waits for none, and all that wait for it.
type tree struct {
	root  int
	lines []string // the root first, those that wait below it
	waits time.Duration
	size  int // sessions that wait
}

// trees orders the sessions that wait below those that they wait for. A session that
// waits for two is in both trees. A circle, which the server will break, has its lowest
// pid as the root.
func trees(all []backend) []tree {
	byPID := map[int]backend{}
	left := map[int]bool{}
	for _, b := range all {
		byPID[b.pid] = b
		if len(b.blockedBy) > 0 {
			left[b.pid] = true
		}
	}
	roots := map[int]bool{}
	for _, b := range all {
		for _, pid := range b.blockedBy {
			if !left[pid] {
				roots[pid] = true
			}
		}
	}
	var out []tree
	grow := func(pid int) {
		t := tree{root: pid}
		t.grow(all, byPID, pid, 0, map[int]bool{}, left)
		out = append(out, t)
	}
	for _, pid := range slices.Sorted(maps.Keys(roots)) {
		grow(pid)
	}
	for len(left) > 0 {
		grow(slices.Min(slices.Collect(maps.Keys(left))))
	}
	return out
}

func (t *tree) grow(all []backend, byPID map[int]backend, pid, depth int, seen, left map[int]bool) {
	if seen[pid] {
		return
	}
	seen[pid] = true
	delete(left, pid)
	b, known := byPID[pid]
	line := b.String()
	if !known { // pg_blocking_pids gives 0 for a prepared transaction
		line = fmt.Sprintf("pid %d, a prepared transaction or a session that ended", pid)
	}
	t.lines = append(t.lines, strings.Repeat("· ", depth)+line)
	if depth > 0 {
		t.size++
		t.waits = max(t.waits, b.waits)
	}
	for _, waiter := range blockedBy(all, pid) {
		t.grow(all, byPID, waiter, depth+1, seen, left)
	}
}

// blocked judges each tree of waiting sessions by its longest wait.
func (c *checker) blocked(_ context.Context, id string) error {
	all, err := c.sessions()
	if err != nil {
		return err
	}
	found := 0
	for _, t := range trees(all) {
		severity := finding.Graded(t.waits, c.Limits.BlockedWarn, c.Limits.BlockedFail)
		if severity == finding.Pass {
			continue
		}
		found++
		hint := terminate(t.root)
		if t.root == 0 {
			hint = "SELECT gid, prepared, owner FROM pg_prepared_xacts; then COMMIT PREPARED or ROLLBACK PREPARED by hand"
		}
		c.Add(id, severity, hint, t.lines, "pid %d blocks %s, the longest for %s", t.root, report.Plural(int64(t.size), "session"), report.Duration(t.waits))
	}
	if found == 0 {
		c.Add(id, finding.Pass, "", nil, "no session waits for a lock for %s", report.Duration(c.Limits.BlockedWarn))
	}
	return nil
}

// long judges the statements that run for long and do not wait for a lock.
func (c *checker) long(_ context.Context, id string) error {
	all, err := c.sessions()
	if err != nil {
		return err
	}
	found := 0
	for _, b := range all {
		if b.kind != "client backend" || b.state != "active" || len(b.blockedBy) > 0 {
			continue
		}
		if severity := finding.Graded(b.inQuery, c.Limits.LongWarn, c.Limits.LongFail); severity != finding.Pass {
			found++
			c.Add(id, severity, fmt.Sprintf("run SELECT pg_cancel_backend(%d) to end the statement only; EXPLAIN shows why it is slow", b.pid), []string{b.String()},
				"pid %d (%s) runs a statement for %s", b.pid, report.Cell(b.application, 40), report.Duration(b.inQuery))
		}
	}
	if found == 0 {
		c.Add(id, finding.Pass, "", nil, "no statement runs for %s", report.Duration(c.Limits.LongWarn))
	}
	return nil
}
