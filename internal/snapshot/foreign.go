package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// DecodePrometheus makes a snapshot of metrics in Prometheus' text format.
// What no metric tells is absent. It fails on what is no such text, and where
// there is no metric that means a field.
func DecodePrometheus(data []byte, names Names) (*Snapshot, error) {
	all, err := parseSamples(data)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{}
	found := names.fill(s, func(m Metric) (float64, bool) { return sum(all[m.Name], m.Labels) })
	s.HandlerQueue = queueDepths(all["mcpdiag_queue_depth"])
	s.Handlers = handlersOf(all["mcp_server_operation_duration_seconds_count"])
	if found == 0 && s.HandlerQueue == nil && s.Handlers == nil {
		return nil, fmt.Errorf("none of its %d metrics is known to mean a figure of a snapshot; name one with --metric FIELD=METRIC", len(all))
	}
	return s, nil
}

// sum adds up the samples that have the labels.
func sum(samples []sample, labels map[string]string) (total float64, ok bool) {
	for _, m := range samples {
		if m.matches(labels) {
			total += m.value
			ok = true
		}
	}
	return total, ok && !math.IsInf(total, 0) && !math.IsNaN(total)
}

func (m sample) matches(labels map[string]string) bool {
	for name, want := range labels {
		if got := m.labels[name]; got != want && (want != "*" || got == "") {
			return false
		}
	}
	return true
}

// count is the value of m as a number of something.
func (m sample) count() (int64, bool) {
	return int64(m.value), m.value >= 0 && m.value < maxCount
}

// queueDepths reads mcpdiag's own queue depths.
func queueDepths(samples []sample) map[string]int64 {
	var depths map[string]int64
	for _, m := range samples {
		if n, ok := m.count(); ok && len(depths) < MaxStack {
			if depths == nil {
				depths = map[string]int64{}
			}
			depths[clip(m.labels["handler"])] = n
		}
	}
	return depths
}

// handlersOf reads the calls of each tool from the histogram that
// OpenTelemetry's conventions have for them.
func handlersOf(samples []sample) map[string]Handler {
	var handlers map[string]Handler
	for _, m := range samples {
		tool := clip(m.labels["gen_ai_tool_name"])
		n, ok := m.count()
		if !ok || m.labels["mcp_method_name"] != "tools/call" || tool == "" || len(handlers) >= MaxStack {
			continue
		}
		if handlers == nil {
			handlers = map[string]Handler{}
		}
		h := handlers[tool]
		if h.Calls == nil {
			h = Handler{Calls: new(int64), Errors: new(int64)}
			handlers[tool] = h
		}
		*h.Calls += n
		if m.labels["error_type"] != "" {
			*h.Errors += n
		}
	}
	return handlers
}

// DecodeExpvar makes a snapshot of what Go's /debug/vars answers: the heap, and
// the variables whose names mean a field.
func DecodeExpvar(data []byte, names Names) (*Snapshot, error) {
	vars := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &vars); err != nil {
		return nil, fmt.Errorf("not what /debug/vars answers: %w", err)
	}
	s := &Snapshot{}
	found := names.fill(s, func(m Metric) (float64, bool) {
		v, err := strconv.ParseFloat(strings.TrimSpace(string(vars[m.Name])), 64)
		return v, err == nil && m.Labels == nil
	})
	var mem struct{ HeapAlloc *float64 }
	if json.Unmarshal(vars["memstats"], &mem) == nil && mem.HeapAlloc != nil && *mem.HeapAlloc >= 0 && s.HeapUsedMB == nil {
		s.set("heapUsedMB", *mem.HeapAlloc)
		found++
	}
	if found == 0 {
		return nil, errors.New("none of its variables is known to mean a figure of a snapshot, and there is no memstats.HeapAlloc")
	}
	return s, nil
}

var heapAlloc = regexp.MustCompile(`(?m)^# HeapAlloc = (\d{1,18})$`)

// DecodePprof makes a snapshot of Go's heap profile as text
// (/debug/pprof/heap?debug=1), which ends with the figures of the runtime.
func DecodePprof(data []byte) (*Snapshot, error) {
	m := heapAlloc.FindSubmatch(data)
	if m == nil {
		return nil, errors.New("no heap profile as text, which has a line # HeapAlloc; is it /debug/pprof/heap?debug=1?")
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{}
	s.set("heapUsedMB", v)
	return s, nil
}

// Sources are the kinds of documents that can be read as a snapshot.
var Sources = []string{"snapshot", "prometheus", "expvar", "pprof"}

// DecodeAs reads a document of a kind; with "auto" of the kind that it looks like.
func DecodeAs(kind string, data []byte, names Names) (*Snapshot, error) {
	if !slices.Contains(Sources, kind) {
		kind = kindOf(data)
	}
	switch kind {
	case "prometheus":
		return DecodePrometheus(data, names)
	case "expvar":
		return DecodeExpvar(data, names)
	case "pprof":
		return DecodePprof(data)
	}
	return Decode(data)
}

// kindOf is the kind that a document looks like.
func kindOf(data []byte) string {
	text := bytes.TrimLeft(bytes.TrimPrefix(data, bom), " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("heap profile:")):
		return "pprof"
	case bytes.HasPrefix(text, []byte("{")):
		vars := map[string]json.RawMessage{}
		if json.Unmarshal(text, &vars) == nil && vars["memstats"] != nil && vars["cmdline"] != nil {
			return "expvar"
		}
	case sampleLine.Match(text):
		return "prometheus"
	}
	return "snapshot"
}

// sampleLine is how a text of metrics begins: a comment or a sample.
var sampleLine = regexp.MustCompile(`^(# (HELP|TYPE|UNIT) |[A-Za-z_:][\w:]*(\{[^\n]*\})? +[-+0-9.eEInfNa]+( \d+)?\s*(\n|$))`)
