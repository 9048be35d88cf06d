package poll

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/promtext"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Kinds are the kinds of documents that can be read as a snapshot.
var Kinds = []string{"snapshot", "prometheus", "expvar", "pprof"}

// decodeAs reads a document of a kind, with "auto" of the kind that it looks like.
func decodeAs(kind string, data []byte, names Names) (*snapshot.Snapshot, error) {
	if !slices.Contains(Kinds, kind) {
		kind = detectKind(data)
	}
	switch kind {
	case "prometheus":
		return decodePrometheus(data, names)
	case "expvar":
		return decodeExpvar(data, names)
	case "pprof":
		return decodePprof(data)
	}
	return snapshot.Decode(data)
}

// sampleLine matches the beginning of a page of metrics: a comment or a sample.
var sampleLine = regexp.MustCompile(`^(# (HELP|TYPE|UNIT) |[A-Za-z_:][\w:]*(\{[^\n]*\})? +[-+0-9.eEInfNa]+( \d+)?\s*(\n|$))`)

func detectKind(data []byte) string {
	text := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("heap profile:")):
		return "pprof"
	case bytes.HasPrefix(text, []byte("{")):
		var vars struct{ Memstats, Cmdline json.RawMessage }
		if json.Unmarshal(text, &vars) == nil && vars.Memstats != nil && vars.Cmdline != nil {
			return "expvar"
		}
	case sampleLine.Match(text):
		return "prometheus"
	}
	return "snapshot"
}

// decodePrometheus converts metrics. It fails for a page without any metric that means a field.
func decodePrometheus(data []byte, names Names) (*snapshot.Snapshot, error) {
	m, err := promtext.Parse(data)
	if err != nil {
		return nil, err
	}
	s := &snapshot.Snapshot{}
	found := names.fill(s, m.Sum)
	s.HandlerQueue = queueDepths(m)
	s.Handlers = handlerTotals(m)
	if found == 0 && s.HandlerQueue == nil && s.Handlers == nil {
		return nil, fmt.Errorf("none of its %d metrics is known to mean a field of a snapshot; name one with --metric FIELD=METRIC", m.Len())
	}
	return s, nil
}

func isCount(v float64) bool { return v >= 0 && v < snapshot.MaxCount }

// queueDepths reads mcpdiag's own queue depths.
func queueDepths(m *promtext.Metrics) map[string]int64 {
	var depths map[string]int64
	for _, sample := range m.Samples("mcpdiag_queue_depth") {
		if isCount(sample.Value) && len(depths) < snapshot.MaxStack {
			if depths == nil {
				depths = map[string]int64{}
			}
			depths[snapshot.Clip(sample.Labels["handler"])] = int64(sample.Value)
		}
	}
	return depths
}

// handlerTotals reads the calls of each tool from the histogram of OpenTelemetry's
// semantic conventions for MCP.
func handlerTotals(m *promtext.Metrics) map[string]snapshot.Handler {
	var handlers map[string]snapshot.Handler
	for _, sample := range m.Samples("mcp_server_operation_duration_seconds_count") {
		tool := snapshot.Clip(sample.Labels["gen_ai_tool_name"])
		if !isCount(sample.Value) || sample.Labels["mcp_method_name"] != "tools/call" || tool == "" || len(handlers) >= snapshot.MaxStack {
			continue
		}
		if handlers == nil {
			handlers = map[string]snapshot.Handler{}
		}
		h, ok := handlers[tool]
		if !ok {
			h = snapshot.Handler{Calls: new(int64), Errors: new(int64)}
			handlers[tool] = h
		}
		*h.Calls += int64(sample.Value)
		if sample.Labels["error_type"] != "" {
			*h.Errors += int64(sample.Value)
		}
	}
	return handlers
}

// decodeExpvar converts Go's /debug/vars: the heap, and variables that mean a field.
func decodeExpvar(data []byte, names Names) (*snapshot.Snapshot, error) {
	vars := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &vars); err != nil {
		return nil, fmt.Errorf("not a document of /debug/vars: %w", err)
	}
	s := &snapshot.Snapshot{}
	found := names.fill(s, func(m promtext.Selector) (float64, bool) {
		v, err := strconv.ParseFloat(strings.TrimSpace(string(vars[m.Name])), 64)
		return v, err == nil && m.Labels == nil
	})
	var mem struct{ HeapAlloc *float64 }
	if json.Unmarshal(vars["memstats"], &mem) == nil && mem.HeapAlloc != nil && *mem.HeapAlloc >= 0 && s.HeapUsedMB == nil {
		s.HeapUsedMB = new(*mem.HeapAlloc / snapshot.MB.Base())
		found++
	}
	if found == 0 {
		return nil, errors.New("none of its variables is known to mean a field of a snapshot, and it has no memstats.HeapAlloc")
	}
	return s, nil
}

var heapAlloc = regexp.MustCompile(`(?m)^# HeapAlloc = (\d{1,18})$`)

// decodePprof converts a Go heap profile as text, which ends with runtime statistics.
func decodePprof(data []byte) (*snapshot.Snapshot, error) {
	m := heapAlloc.FindSubmatch(data)
	if m == nil {
		return nil, errors.New("not a heap profile as text (no line # HeapAlloc); is it /debug/pprof/heap?debug=1?")
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		return nil, err
	}
	return &snapshot.Snapshot{HeapUsedMB: new(v / snapshot.MB.Base())}, nil
}
