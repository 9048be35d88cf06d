package poll

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Excerpts of what prom-client (Node), client_golang, the JVM's agent and
// prometheus_client (Python) answer, and of what mcpdiag's own proxy does.
const (
	nodeMetrics = `# HELP process_resident_memory_bytes Resident memory size in bytes.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 104857600

# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1763700000
# TYPE nodejs_heap_size_used_bytes gauge
nodejs_heap_size_used_bytes 52428800
# TYPE mcp_server_connections_active gauge
mcp_server_connections_active{transport="http"} 7
mcp_server_connections_active{transport="sse"} 5
`
	jvmMetrics = `# TYPE jvm_memory_used_bytes gauge
jvm_memory_used_bytes{area="heap",id="G1 Eden Space"} 1.048576E7
jvm_memory_used_bytes{area="nonheap",id="Metaspace"} 5.0E7
jvm_memory_used_bytes{area="heap",id="G1 Old Gen"} 2.097152E7
`
	proxyMetrics = `# TYPE mcp_server_operation_duration_seconds histogram
mcp_server_operation_duration_seconds_bucket{error_type="",gen_ai_tool_name="echo",mcp_method_name="tools/call",le="+Inf"} 8
mcp_server_operation_duration_seconds_sum{error_type="",gen_ai_tool_name="echo",mcp_method_name="tools/call"} 0.1
mcp_server_operation_duration_seconds_count{error_type="",gen_ai_tool_name="echo",mcp_method_name="tools/call"} 8
mcp_server_operation_duration_seconds_bucket{error_type="tool_error",gen_ai_tool_name="echo",mcp_method_name="tools/call",le="+Inf"} 2
mcp_server_operation_duration_seconds_sum{error_type="tool_error",gen_ai_tool_name="echo",mcp_method_name="tools/call"} 0.1
mcp_server_operation_duration_seconds_count{error_type="tool_error",gen_ai_tool_name="echo",mcp_method_name="tools/call"} 2
mcp_server_operation_duration_seconds_bucket{error_type="",gen_ai_tool_name="",mcp_method_name="tools/list",le="+Inf"} 5
mcp_server_operation_duration_seconds_sum{error_type="",gen_ai_tool_name="",mcp_method_name="tools/list"} 0.1
mcp_server_operation_duration_seconds_count{error_type="",gen_ai_tool_name="",mcp_method_name="tools/list"} 5
# TYPE mcpdiag_queue_depth gauge
mcpdiag_queue_depth{handler="echo"} 3
`
	expvarAnswer = `{"cmdline": ["./server"],
"memstats": {"Alloc":1,"HeapAlloc":3145728,"BySize":[{"Size":0}]},
"mcp_sessions_active": 4}`
	pprofAnswer = "heap profile: 1: 2 [3: 4] @ heap/1048576\n1: 2 [1: 2] @ 0x1\n\n# runtime.MemStats\n# Alloc = 1\n# HeapAlloc = 4194304\n# HeapSys = 9\n"
)

func TestForeign(t *testing.T) {
	start := &snapshot.Time{Time: time.UnixMilli(1763700000000)}
	for _, tt := range []struct {
		name, kind, doc string
		want            *snapshot.Snapshot
	}{
		{"node", "auto", nodeMetrics, &snapshot.Snapshot{ActiveSessions: new(int64(12)), HeapUsedMB: new(50.0), RSSMB: new(100.0), StartTime: start}},
		{"jvm", "prometheus", jvmMetrics, &snapshot.Snapshot{HeapUsedMB: new(30.0)}},
		{"go", "auto", "go_memstats_heap_alloc_bytes 2.097152e+06\n", &snapshot.Snapshot{HeapUsedMB: new(2.0)}},
		{"proxy", "auto", proxyMetrics, &snapshot.Snapshot{CallsTotal: new(int64(10)), ErrorsTotal: new(int64(2)),
			HandlerQueue: map[string]int64{"echo": 3}, Handlers: map[string]snapshot.Handler{"echo": {Calls: new(int64(10)), Errors: new(int64(2))}}}},
		{"not a number", "auto", "mcp_sessions_active NaN\nprocess_resident_memory_bytes 1048576\n", &snapshot.Snapshot{RSSMB: new(1.0)}},
		{"below zero", "auto", "mcp_sessions_active -1\nprocess_resident_memory_bytes 1048576\n", &snapshot.Snapshot{RSSMB: new(1.0)}},
		{"expvar", "auto", expvarAnswer, &snapshot.Snapshot{ActiveSessions: new(int64(4)), HeapUsedMB: new(3.0)}},
		{"pprof", "auto", pprofAnswer, &snapshot.Snapshot{HeapUsedMB: new(4.0)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeAs(tt.kind, []byte(tt.doc), DefaultNames())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestForeignTrace: what a source cannot tell is absent from the trace too, not 0.
func TestForeignTrace(t *testing.T) {
	s, err := decodeAs("auto", []byte(jvmMetrics), DefaultNames())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := snapshot.NewWriter(&b).Write(s); err != nil {
		t.Fatal(err)
	}
	again, err := snapshot.Decode([]byte(b.String()))
	if err != nil || again.ActiveSessions != nil || again.ToolCallStack != nil || *again.HeapUsedMB != 30 || len(again.Warnings) > 0 {
		t.Errorf("%s reads as %+v, %v", b.String(), again, err)
	}
}

func TestForeignErrors(t *testing.T) {
	for _, tt := range []struct{ kind, doc, want string }{
		{"prometheus", "<html>", "not the text format of Prometheus"},
		{"prometheus", "up 1\n", "none of its 1 metrics is known to mean a field"},
		{"expvar", "[]", "not a document of /debug/vars"},
		{"expvar", `{"memstats": null}`, "none of its variables"},
		{"pprof", "\x1f\x8b", "not a heap profile as text"},
		{"auto", "<html>", "HTML"},
	} {
		if _, err := decodeAs(tt.kind, []byte(tt.doc), DefaultNames()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %q: %v, want %q", tt.kind, tt.doc, err, tt.want)
		}
	}
}

func TestNamesAdd(t *testing.T) {
	names := DefaultNames()
	for text, want := range map[string]string{
		`activeSessions=app_sessions{state="open", kind="*"}`: "",
		`heapUsedMB=app:heap`:          "",
		`sessions=x`:                   `unknown field "sessions"; known are activeSessions, callsTotal`,
		`activeSessions`:               "want FIELD=METRIC",
		`activeSessions=x{state=open}`: `want label="value"`,
	} {
		err := names.Add(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	doc := `app_sessions{state="open",kind="a"} 3
app_sessions{state="open"} 4
app_sessions{state="gone",kind="a"} 5
mcp_sessions_active 99
app:heap 1048576
`
	s, err := decodePrometheus([]byte(doc), names)
	if err != nil || *s.ActiveSessions != 3 || *s.HeapUsedMB != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// FuzzForeign: no document makes a snapshot that cannot be written and read again.
func FuzzForeign(f *testing.F) {
	for _, doc := range []string{nodeMetrics, jvmMetrics, proxyMetrics, expvarAnswer, pprofAnswer, "{}", "x{a=\"\\n\"} +Inf 1\n"} {
		f.Add([]byte(doc))
	}
	names := DefaultNames()
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, kind := range []string{"auto", "prometheus", "expvar", "pprof"} {
			s, err := decodeAs(kind, doc, names)
			if err != nil {
				continue
			}
			var b strings.Builder
			if err := snapshot.NewWriter(&b).Write(s); err != nil {
				continue // a snapshot of the auto kind may have been sent so
			}
			if _, err := snapshot.Decode([]byte(b.String())); err != nil && kind != "auto" {
				t.Fatalf("%s made %s, which reads as %v", kind, b.String(), err)
			}
		}
	})
}
