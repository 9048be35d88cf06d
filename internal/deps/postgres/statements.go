package postgres

// statement is one of the statements that may be sent.
type statement int

// Statements. session sends no others; the server's own log shows it in the tests.
const (
	aboutServer statement = iota
	slotsUsed
	slotHolders
	slotLimits
	allSessions
	allSessions13
	slowStatements
	slowStatements12
	timeouts
	invalidIndexes
	sequentialScans
	deadRows
	oldestTransactionID
	heldHorizon
	replicationLag
	databaseCounters
	heldSessions
	rollBack
)

// begin and end enclose each statement. SET LOCAL ends with the transaction, so that
// nothing stays behind in a connection that a pooler shares.
const (
	beginAnySchema = "BEGIN READ ONLY; SET LOCAL statement_timeout = 2000; SET LOCAL lock_timeout = 200; "
	begin          = beginAnySchema + "SET LOCAL search_path = pg_catalog; "
	end            = "; ROLLBACK"
)

// text returns the text of a statement as it is sent.
func (s statement) text() string {
	switch s {
	case rollBack:
		return texts[s]
	case slowStatements, slowStatements12: // the extension may be in another schema than pg_catalog
		return beginAnySchema + texts[s] + end
	}
	return begin + texts[s] + end
}

const sessionColumns = `SELECT a.pid, a.application_name, a.usename, a.datname, coalesce(host(a.client_addr), 'local'), a.state, a.backend_type,
 extract(epoch FROM clock_timestamp() - a.state_change), extract(epoch FROM clock_timestamp() - a.xact_start), extract(epoch FROM clock_timestamp() - a.query_start),
 CASE WHEN a.wait_event_type = 'Lock' THEN array_to_string(pg_blocking_pids(a.pid), ',') END, l.held, to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS'), left(a.query, 300)`

// texts are the statements. They read statistics and settings only.
var texts = map[statement]string{
	aboutServer: `SELECT current_setting('server_version'), current_setting('server_version_num'), pg_is_in_recovery(), current_user, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')`,
	slotsUsed: `SELECT count(*), current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - coalesce(current_setting('reserved_connections', true), '0')::int
 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
	slotHolders: `SELECT coalesce(nullif(application_name, ''), '(no application name)'), coalesce(host(client_addr), 'local'), coalesce(state, ''), count(*), max(extract(epoch FROM clock_timestamp() - state_change))
 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 5`,
	slotLimits: `SELECT 'role ' || r.rolname, r.rolconnlimit, (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid AND a.backend_type = 'client backend') FROM pg_roles r WHERE r.rolconnlimit > 0
 UNION ALL SELECT 'database ' || d.datname, d.datconnlimit, (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND a.backend_type = 'client backend') FROM pg_database d WHERE d.datconnlimit > 0 LIMIT 100`,
	allSessions: sessionColumns + `, extract(epoch FROM clock_timestamp() - l.waits) FROM pg_stat_activity a
 LEFT JOIN (SELECT pid, count(*) FILTER (WHERE granted) AS held, min(waitstart) AS waits FROM pg_locks GROUP BY pid) l ON l.pid = a.pid
 WHERE a.pid <> pg_backend_pid() ORDER BY a.pid LIMIT 5000`,
	allSessions13: sessionColumns + `, NULL FROM pg_stat_activity a
 LEFT JOIN (SELECT pid, count(*) FILTER (WHERE granted) AS held FROM pg_locks GROUP BY pid) l ON l.pid = a.pid
 WHERE a.pid <> pg_backend_pid() ORDER BY a.pid LIMIT 5000`,
	slowStatements: `SELECT calls, total_exec_time, sum(total_exec_time) OVER (), mean_exec_time, max_exec_time, stddev_exec_time, rows, shared_blks_hit, shared_blks_read, left(query, 300)
 FROM pg_stat_statements ORDER BY 2 DESC LIMIT 20`,
	slowStatements12: `SELECT calls, total_time, sum(total_time) OVER (), mean_time, max_time, stddev_time, rows, shared_blks_hit, shared_blks_read, left(query, 300)
 FROM pg_stat_statements ORDER BY 2 DESC LIMIT 20`,
	timeouts:            `SELECT name, reset_val FROM pg_settings WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout') ORDER BY name DESC`,
	invalidIndexes:      `SELECT n.nspname || '.' || c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid AND n.nspname !~ '^pg_(toast|temp)' ORDER BY 1 LIMIT 20`,
	sequentialScans:     `SELECT schemaname || '.' || relname, n_live_tup, seq_scan, seq_tup_read / seq_scan FROM pg_stat_user_tables WHERE seq_scan > 0 AND n_live_tup > 10000 AND seq_tup_read / seq_scan > 10000 ORDER BY seq_tup_read DESC LIMIT 5`,
	deadRows:            `SELECT schemaname || '.' || relname, n_live_tup, n_dead_tup, coalesce(to_char(greatest(last_vacuum, last_autovacuum), 'YYYY-MM-DD HH24:MI'), 'never') FROM pg_stat_user_tables WHERE n_live_tup + n_dead_tup > 10000 AND n_dead_tup > 0.2 * (n_live_tup + n_dead_tup) ORDER BY n_dead_tup DESC LIMIT 5`,
	oldestTransactionID: `SELECT datname, age(datfrozenxid) FROM pg_database ORDER BY 2 DESC LIMIT 1`,
	heldHorizon: `SELECT 'session', pid::text, extract(epoch FROM clock_timestamp() - coalesce(xact_start, backend_start)), 0 FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend'
 UNION ALL SELECT 'prepared transaction', gid, extract(epoch FROM clock_timestamp() - prepared), 0 FROM pg_prepared_xacts
 UNION ALL SELECT 'replication slot', slot_name, 0, CASE WHEN pg_is_in_recovery() THEN 0 ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) END FROM pg_replication_slots WHERE NOT active ORDER BY 3 DESC, 4 DESC LIMIT 20`,
	replicationLag: `SELECT coalesce(nullif(application_name, ''), pid::text), extract(epoch FROM replay_lag) FROM pg_stat_replication
 UNION ALL SELECT 'this standby', extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) WHERE pg_is_in_recovery() AND pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn() LIMIT 20`,
	databaseCounters: `SELECT deadlocks, temp_bytes, xact_commit, xact_rollback, blks_hit, blks_read FROM pg_stat_database WHERE datname = current_database()`,
	heldSessions: `SELECT count(*), count(*) FILTER (WHERE state LIKE 'idle in transaction%'), count(*) FILTER (WHERE state IS NULL) FROM pg_stat_activity
 WHERE datname = current_database() AND coalesce(backend_type, 'client backend') = 'client backend' AND application_name IS DISTINCT FROM 'mcpdiag'`,
	rollBack: `ROLLBACK`,
}

// columns are the numbers of columns that the answers have.
var columns = map[statement]int{
	aboutServer: 5, slotsUsed: 2, slotHolders: 5, slotLimits: 3, allSessions: 15, allSessions13: 15,
	slowStatements: 10, slowStatements12: 10, timeouts: 2, invalidIndexes: 1, sequentialScans: 4, deadRows: 4,
	oldestTransactionID: 2, heldHorizon: 4, replicationLag: 2, databaseCounters: 6, heldSessions: 3,
}

// alwaysAnswered reports whether the answer has a row on any PostgreSQL.
func (s statement) alwaysAnswered() bool {
	return s == aboutServer || s == slotsUsed || s == databaseCounters || s == heldSessions
}
