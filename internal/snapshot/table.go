package snapshot

import "github.com/mcpdiag/mcpdiag/internal/report"

// Fields are the members of the document, in the order in which it is written, and
// the figures that are derived from them.
var Fields = []Field{
	moment(func(s *Snapshot) **Time { return &s.Timestamp }, Field{Name: "timestamp"}),
	count(func(s *Snapshot) **int64 { return &s.ActiveSessions }, Field{Name: "activeSessions", Alert: "sessions", Rank: 3,
		Metric: "sessions_active", Help: "Sessions that are open.",
		Sources: []string{"mcp_sessions_active", "mcp_active_sessions", "mcp_server_sessions_active", "mcp_server_active_sessions",
			"mcp_server_connections_active", "mcp_connections_active", "mcp_active_connections"}}),
	{Name: "toolCallStack", read: (*decoder).stack},
	{Name: "callsInFlight", Unit: Count, Value: inFlight, Alert: "calls", Rank: 8, Metric: "calls_in_flight", Help: "Tool calls in flight."},
	{Name: "oldestCallMs", Unit: Millis, Value: oldestMs, Alert: "oldest",
		Metric: "call_oldest_age_seconds", Help: "Age of the oldest tool call in flight, 0 where there is none."},
	{Name: "handlerQueue", Unit: Count, Value: queued, Alert: "queue", read: (*decoder).queue},
	amount(MB, func(s *Snapshot) **float64 { return &s.HeapUsedMB }, Field{Name: "heapUsedMB", Alert: "heap", Rank: 1, PerCall: true,
		Metric: "heap_used_bytes", Help: "Heap in use; of a proxy's server, memory that is neither a file's nor shared.",
		Sources: []string{"nodejs_heap_size_used_bytes", "go_memstats_heap_alloc_bytes", `jvm_memory_used_bytes{area="heap"}`,
			"dotnet_total_memory_bytes", "process_runtime_dotnet_gc_heap_size_bytes"}}),
	{Name: "heapSource", read: func(d *decoder, s *Snapshot) (err error) { s.HeapSource, err = d.text(); return err }},
	amount(MB, func(s *Snapshot) **float64 { return &s.RSSMB }, Field{Name: "rssMB", Alert: "rss", Rank: 2,
		Metric: "resident_memory_bytes", Help: "Resident set size of the server's process.", Sources: []string{"process_resident_memory_bytes"}}),
	count(func(s *Snapshot) **int64 { return &s.PID }, Field{Name: "pid", restart: otherPID}),
	moment(func(s *Snapshot) **Time { return &s.StartTime }, Field{Name: "startTime", restart: laterStart,
		Metric: "server_start_time_seconds", Help: "When the server's process started.", Sources: []string{"process_start_time_seconds"}}),
	amount(Millis, func(s *Snapshot) **float64 { return &s.UptimeMs }, Field{Name: "uptimeMs", restart: fell("the uptime")}),
	count(func(s *Snapshot) **int64 { return &s.SessionsCreatedTotal }, Field{Name: "sessionsCreatedTotal", Rank: 4, restart: fell("sessionsCreatedTotal"),
		Metric: "sessions_created_total", Help: "Sessions opened.",
		Sources: []string{"mcp_sessions_created_total", "mcp_sessions_total", "mcp_server_connections_total"}}),
	count(func(s *Snapshot) **int64 { return &s.SessionsClosedTotal }, Field{Name: "sessionsClosedTotal", Rank: 5, restart: fell("sessionsClosedTotal"),
		Metric: "sessions_closed_total", Help: "Sessions closed.", Sources: []string{"mcp_sessions_closed_total"}}),
	amount(Millis, func(s *Snapshot) **float64 { return &s.OldestSessionAgeMs }, Field{Name: "oldestSessionAgeMs", Alert: "session-age", Rank: 6,
		Metric: "session_oldest_age_seconds", Help: "Age of the oldest open session."}),
	count(func(s *Snapshot) **int64 { return &s.OpenStreams }, Field{Name: "openStreams", Alert: "streams", Rank: 7,
		Metric: "streams_open", Help: "Server-sent event streams that are open.", Sources: []string{"mcp_streams_open", "mcp_sse_connections_active"}}),
	count(func(s *Snapshot) **int64 { return &s.CallsTotal }, Field{Name: "callsTotal", Rank: 9, restart: fell("callsTotal"),
		Metric: "calls_total", Help: "Tool calls that ended.", Sources: []string{"mcp_tool_calls_total", "mcp_tool_invocations_total",
			`mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call"}`}}),
	count(func(s *Snapshot) **int64 { return &s.ErrorsTotal }, Field{Name: "errorsTotal", Rank: 10, restart: fell("errorsTotal"),
		Metric: "errors_total", Help: "Tool calls that failed.", Sources: []string{"mcp_tool_errors_total", "mcp_tool_call_errors_total",
			`mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call",error_type="*"}`}}),
	{Name: "handlers", read: (*decoder).handlers},
	{Name: "upstream", read: func(d *decoder, s *Snapshot) (err error) { s.Upstream, err = readNew(d, upstreamMembers); return err }},
	{Name: "poll", read: func(d *decoder, s *Snapshot) (err error) { s.Poll, err = readNew(d, pollMembers); return err }},
}

func inFlight(s *Snapshot) (float64, bool) {
	return float64(len(s.ToolCallStack)), s.ToolCallStack != nil
}

func oldestMs(s *Snapshot) (float64, bool) {
	_, age := s.Oldest()
	return report.InMillis(age), s.ToolCallStack != nil
}

// queued is known to be 0 for a server that lists no queue.
func queued(s *Snapshot) (float64, bool) { return float64(s.Queued()), true }

// The members of the objects within the document.
var (
	callMembers = []member[Call]{
		{"id", func(d *decoder, c *Call) (err error) { c.ID, err = d.text(); return err }},
		{"name", func(d *decoder, c *Call) (err error) { c.Name, err = d.text(); return err }},
		{"durationMs", func(d *decoder, c *Call) (err error) {
			d.peek()
			d.seen.digits[0] = d.at
			c.DurationMs, err = d.amount()
			d.seen.digits[1] = d.at
			return err
		}},
		{"parentId", func(d *decoder, c *Call) (err error) { c.ParentID, err = d.text(); return err }},
		{"sessionId", func(d *decoder, c *Call) (err error) { c.SessionID, err = d.text(); return err }},
		{"handler", func(d *decoder, c *Call) (err error) { c.Handler, err = d.text(); return err }},
		{"startedAt", func(d *decoder, c *Call) (err error) { c.StartedAt, err = d.time(); return err }},
	}
	depthMembers = []member[queueDepth]{
		{"handler", func(d *decoder, q *queueDepth) (err error) { q.handler, err = d.text(); return err }},
		{"depth", func(d *decoder, q *queueDepth) (err error) { q.depth, err = d.count(); return err }},
	}
	handlerMembers = []member[Handler]{
		{"calls", func(d *decoder, h *Handler) (err error) { h.Calls, err = d.count(); return err }},
		{"errors", func(d *decoder, h *Handler) (err error) { h.Errors, err = d.count(); return err }},
		{"retainedMB", func(d *decoder, h *Handler) (err error) { h.RetainedMB, err = d.amount(); return err }},
	}
	upstreamMembers = []member[Upstream]{
		{"to", func(d *decoder, u *Upstream) (err error) { u.To, err = d.text(); return err }},
		{"failing", func(d *decoder, u *Upstream) (err error) { u.Failing, err = d.flag(); return err }},
		{"outages", func(d *decoder, u *Upstream) (err error) { u.Outages, err = orZero(d.count()); return err }},
		{"failures", func(d *decoder, u *Upstream) (err error) { u.Failures, err = orZero(d.count()); return err }},
		{"since", func(d *decoder, u *Upstream) (err error) { u.Since, err = d.time(); return err }},
		{"lastError", func(d *decoder, u *Upstream) (err error) { u.LastError, err = d.text(); return err }},
	}
	pollMembers = []member[Poll]{
		{"at", func(d *decoder, p *Poll) (err error) { p.At, err = orZero(d.time()); return err }},
		{"target", func(d *decoder, p *Poll) (err error) { p.Target, err = d.text(); return err }},
		{"latencyMs", func(d *decoder, p *Poll) (err error) { p.LatencyMs, err = orZero(d.amount()); return err }},
		{"dnsMs", func(d *decoder, p *Poll) (err error) { p.DNSMs, err = orZero(d.amount()); return err }},
		{"connectMs", func(d *decoder, p *Poll) (err error) { p.ConnectMs, err = orZero(d.amount()); return err }},
		{"tlsMs", func(d *decoder, p *Poll) (err error) { p.TLSMs, err = orZero(d.amount()); return err }},
		{"firstByteMs", func(d *decoder, p *Poll) (err error) { p.FirstByteMs, err = orZero(d.amount()); return err }},
		{"intervalMs", func(d *decoder, p *Poll) (err error) { p.IntervalMs, err = orZero(d.amount()); return err }},
		{"skipped", func(d *decoder, p *Poll) (err error) { p.Skipped, err = orZero(d.count()); return err }},
		{"restarted", func(d *decoder, p *Poll) (err error) { p.Restarted, err = d.flag(); return err }},
		{"error", func(d *decoder, p *Poll) (err error) { p.Error, err = d.text(); return err }},
	}
)
