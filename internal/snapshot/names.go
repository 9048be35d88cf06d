package snapshot

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Metric names a metric of a server, and the labels that its series must have;
// the value "*" is any but the empty one.
type Metric struct {
	Name   string
	Labels map[string]string
}

// Names says which metrics mean which field of a snapshot; of several the first
// that a server has counts. Bytes become MB, seconds milliseconds.
type Names map[string][]Metric

// DefaultNames are the names that are known: those of mcpdiag itself, of the
// runtimes' own exporters, and those that MCP servers are seen to use.
func DefaultNames() Names {
	plain := func(names ...string) (metrics []Metric) {
		for _, name := range names {
			metrics = append(metrics, Metric{Name: name})
		}
		return metrics
	}
	const operations = "mcp_server_operation_duration_seconds_count"
	call := map[string]string{"mcp_method_name": "tools/call"}
	failed := map[string]string{"mcp_method_name": "tools/call", "error_type": "*"}
	return Names{
		"activeSessions": plain("mcpdiag_sessions_active", "mcp_sessions_active", "mcp_active_sessions", "mcp_server_sessions_active",
			"mcp_server_active_sessions", "mcp_server_connections_active", "mcp_connections_active", "mcp_active_connections"),
		"sessionsCreatedTotal": plain("mcpdiag_sessions_created_total", "mcp_sessions_created_total", "mcp_sessions_total", "mcp_server_connections_total"),
		"sessionsClosedTotal":  plain("mcpdiag_sessions_closed_total", "mcp_sessions_closed_total"),
		"oldestSessionAgeMs":   plain("mcpdiag_session_oldest_age_seconds"),
		"openStreams":          plain("mcpdiag_streams_open", "mcp_streams_open", "mcp_sse_connections_active"),
		"callsTotal": append(plain("mcpdiag_calls_total", "mcp_tool_calls_total", "mcp_tool_invocations_total"),
			Metric{operations, call}),
		"errorsTotal": append(plain("mcpdiag_errors_total", "mcp_tool_errors_total", "mcp_tool_call_errors_total"),
			Metric{operations, failed}),
		"heapUsedMB": append(plain("mcpdiag_heap_used_bytes", "nodejs_heap_size_used_bytes", "go_memstats_heap_alloc_bytes"),
			Metric{"jvm_memory_used_bytes", map[string]string{"area": "heap"}},
			Metric{Name: "dotnet_total_memory_bytes"}, Metric{Name: "process_runtime_dotnet_gc_heap_size_bytes"}),
		"rssMB":     plain("mcpdiag_resident_memory_bytes", "process_resident_memory_bytes"),
		"startTime": plain("mcpdiag_server_start_time_seconds", "process_start_time_seconds"),
	}
}

var metricForm = regexp.MustCompile(`^(\w+)=([A-Za-z_:][\w:.-]*)(?:\{([^{}]*)\})?$`)

var labelForm = regexp.MustCompile(`^\s*([A-Za-z_]\w*)\s*=\s*"([^"]*)"\s*$`)

// Add puts a metric before the others of its field: activeSessions=NAME, or NAME{label="value"}.
func (n Names) Add(text string) error {
	m := metricForm.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf(`%q is not FIELD=METRIC, such as activeSessions=myapp_sessions{state="open"}`, text)
	}
	if _, ok := n[m[1]]; !ok {
		return fmt.Errorf("no metric can give the field %q; there are %s", m[1], strings.Join(n.fields(), ", "))
	}
	metric := Metric{Name: m[2]}
	if m[3] != "" {
		metric.Labels = map[string]string{}
		for pair := range strings.SplitSeq(m[3], ",") {
			label := labelForm.FindStringSubmatch(pair)
			if label == nil {
				return fmt.Errorf(`%q is not label="value"`, pair)
			}
			metric.Labels[label[1]] = label[2]
		}
	}
	n[m[1]] = append([]Metric{metric}, n[m[1]]...)
	return nil
}

func (n Names) fields() []string {
	fields := make([]string, 0, len(n))
	for field := range n {
		fields = append(fields, field)
	}
	slices.Sort(fields)
	return fields
}

// fill gives s the fields of which value knows a metric, and counts them.
func (n Names) fill(s *Snapshot, value func(Metric) (float64, bool)) (found int) {
	for field, metrics := range n {
		for _, m := range metrics {
			if v, ok := value(m); ok && v >= 0 && v < maxCount {
				s.set(field, v)
				found++
				break
			}
		}
	}
	return found
}

// set gives a field the value of a metric.
func (s *Snapshot) set(field string, v float64) {
	switch field {
	case "activeSessions":
		s.ActiveSessions = new(int64(v))
	case "sessionsCreatedTotal":
		s.SessionsCreatedTotal = new(int64(v))
	case "sessionsClosedTotal":
		s.SessionsClosedTotal = new(int64(v))
	case "oldestSessionAgeMs":
		s.OldestSessionAgeMs = new(v * 1000)
	case "openStreams":
		s.OpenStreams = new(int64(v))
	case "callsTotal":
		s.CallsTotal = new(int64(v))
	case "errorsTotal":
		s.ErrorsTotal = new(int64(v))
	case "heapUsedMB":
		s.HeapUsedMB = new(v / (1 << 20))
	case "rssMB":
		s.RSSMB = new(v / (1 << 20))
	case "startTime":
		s.StartTime = &Time{time.UnixMilli(int64(v * 1000))}
	}
}
