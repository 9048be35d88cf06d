package spans

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// weights returns the own time of each path.
func weights(t *testing.T, list []Span) (map[string]float64, *stacks.Profile) {
	t.Helper()
	p, err := Profile("test", &Recording{Spans: list})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for i := 1; i < len(p.Nodes); i++ {
		found[strings.Join(p.Path(int32(i)), " > ")] = p.Nodes[i].Self
	}
	return found, p
}

func TestProfile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		spans []Span
		want  map[string]float64
		warns string
	}{
		{"children one after another", []Span{
			{ID: "1", Name: "a", Begin: 0, End: 100}, {ID: "2", Parent: "1", Name: "b", Begin: 10, End: 30}, {ID: "3", Parent: "1", Name: "c", Begin: 50, End: 90},
		}, map[string]float64{"a": 40, "a > b": 20, "a > c": 40}, ""},
		{"children at once", []Span{
			{ID: "1", Name: "a", Begin: 0, End: 100}, {ID: "2", Parent: "1", Name: "b", Begin: 10, End: 60}, {ID: "3", Parent: "1", Name: "c", Begin: 20, End: 80},
		}, map[string]float64{"a": 30, "a > b": 50, "a > c": 60}, ""},
		{"a child that outlives its parent", []Span{
			{ID: "1", Name: "a", Begin: 0, End: 100}, {ID: "2", Parent: "1", Name: "b", Begin: 90, End: 150},
		}, map[string]float64{"a": 90, "a > b": 60}, ""},
		{"a failed span", []Span{{ID: "1", Name: "a", Begin: 0, End: 5, Failed: true}}, map[string]float64{"a (error)": 5}, "1 span with an error"},
		{"a parent in another file", []Span{{ID: "2", Parent: "1", Name: "b", Begin: 0, End: 5}}, map[string]float64{"b": 5}, "not in the file"},
		{"the same ids in two traces", []Span{
			{Trace: "x", ID: "1", Name: "a", End: 5}, {Trace: "y", ID: "1", Name: "b", End: 7}, {Trace: "y", ID: "2", Parent: "1", Name: "c", End: 2},
		}, map[string]float64{"a": 5, "b": 5, "b > c": 2}, ""},
		{"a span that was sent twice", []Span{
			{ID: "1", Name: "a", End: 9}, {ID: "2", Parent: "1", Name: "b", End: 4}, {ID: "1", Name: "a", End: 9}, {ID: "2", Parent: "1", Name: "b", End: 4},
		}, map[string]float64{"a": 5, "a > b": 4}, "2 spans recorded more than once"},
		{"spans that are each other's parents", []Span{
			{ID: "1", Parent: "2", Name: "a", End: 5}, {ID: "2", Parent: "1", Name: "b", End: 5}, {ID: "3", Name: "c", End: 1},
		}, map[string]float64{"c": 1}, "2 spans are their own ancestors"},
		{"an end before the begin", []Span{{ID: "1", Name: "a", Begin: 9, End: 5}}, map[string]float64{"a": 0}, "end before they begin"},
	} {
		for i := range tt.spans {
			tt.spans[i].Begin *= 1e6
			tt.spans[i].End *= 1e6
		}
		got, p := weights(t, tt.spans)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if warnings := strings.Join(p.Warnings, "\n"); (tt.warns == "") != (warnings == "") || !strings.Contains(warnings, tt.warns) {
			t.Errorf("%s: warnings %q", tt.name, warnings)
		}
	}
	if _, err := Profile("test", &Recording{}); err == nil || err.Error() != "it contains no spans" {
		t.Errorf("without spans: %v", err)
	}
}

// server is what an instrumented MCP server on the Go SDK records for one call: the
// HTTP request, the method with its tool, and the work of the tool.
func server() []*tracepb.Span {
	attribute := func(key, value string) *commonpb.KeyValue {
		return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
	}
	span := func(id, parent byte, name string, begin, end uint64, attributes ...*commonpb.KeyValue) *tracepb.Span {
		s := &tracepb.Span{
			TraceId: []byte(strings.Repeat("t", 16)), SpanId: []byte{0, 0, 0, 0, 0, 0, 0, id}, Name: name, Attributes: attributes,
			StartTimeUnixNano: 1763700000000000000 + begin*1e6, EndTimeUnixNano: 1763700000000000000 + end*1e6, Kind: tracepb.Span_SPAN_KIND_SERVER,
		}
		if parent != 0 {
			s.ParentSpanId = []byte{0, 0, 0, 0, 0, 0, 0, parent}
		}
		return s
	}
	failed := span(4, 2, "SELECT docs", 80, 110, attribute("db.system", "postgresql"))
	failed.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "timeout"}
	return []*tracepb.Span{
		span(1, 0, "POST /mcp", 0, 120, attribute("http.request.method", "POST")),
		span(2, 1, "tools/call", 10, 115, attribute("mcp.method.name", "tools/call"), attribute("gen_ai.tool.name", "search")),
		span(3, 2, "embed", 20, 70), failed,
		span(5, 0, "tools/list", 200, 205, attribute("mcp.method.name", "tools/list")),
		span(6, 0, "", 300, 310, attribute("mcp.method.name", "resources/read"), attribute("mcp.resource.uri", "file:///x"), attribute("error.type", "tool_error")),
	}
}

var wantServer = map[string]float64{
	"POST /mcp": 15, "POST /mcp > tools/call search": 25, "POST /mcp > tools/call search > embed": 50,
	"POST /mcp > tools/call search > SELECT docs (error)": 30, "tools/list": 5, "resources/read file:///x (error)": 10,
}

func TestOTLPOfAnMCPServer(t *testing.T) {
	t.Parallel()
	data, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: server()}}}}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := Protobuf(data)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := weights(t, list.Spans)
	if diff := cmp.Diff(wantServer, got); diff != "" {
		t.Errorf("protobuf: %s", diff)
	}
	list, err = OTLP(asJSON(t, server()))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ = weights(t, list.Spans); cmp.Diff(wantServer, got) != "" {
		t.Errorf("JSON: %s", cmp.Diff(wantServer, got))
	}
	first, _, _ := strings.Cut(string(asJSON(t, server())), "\n")
	for name, in := range map[string]string{
		"Tempo":         strings.Replace(first, "resourceSpans", "batches", 1),
		"Tempo v2":      `{"trace":` + first + `}`,
		"base64":        strings.NewReplacer("0000000000000001", "qrvM", "0000000000000002", "QRVM").Replace(first),
		"Jaeger v3":     `{"result":` + first + `}`,
		"after metrics": `{"resourceMetrics":[]}` + "\n" + first,
	} {
		if list, err = OTLP([]byte(in)); err != nil || len(list.Spans) != 3 || list.Spans[0].ID == list.Spans[1].ID {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

// asJSON writes spans as the file exporter of the Collector does, two lines.
func asJSON(t *testing.T, list []*tracepb.Span) []byte {
	t.Helper()
	var out []byte
	for _, half := range [][]*tracepb.Span{list[:3], list[3:]} {
		var spans []map[string]any
		for _, s := range half {
			attributes := []map[string]any{}
			for _, a := range s.GetAttributes() {
				attributes = append(attributes, map[string]any{"key": a.GetKey(), "value": map[string]any{"stringValue": a.GetValue().GetStringValue()}})
			}
			spans = append(spans, map[string]any{
				"traceId": hex.EncodeToString(s.GetTraceId()), "spanId": hex.EncodeToString(s.GetSpanId()),
				"parentSpanId": hex.EncodeToString(s.GetParentSpanId()), "name": s.GetName(), "attributes": attributes,
				"startTimeUnixNano": fmt.Sprint(s.GetStartTimeUnixNano()), "endTimeUnixNano": fmt.Sprint(s.GetEndTimeUnixNano()),
				"status": map[string]any{"code": int(s.GetStatus().GetCode())},
			})
		}
		line, err := json.Marshal(map[string]any{"resourceSpans": []any{map[string]any{"scopeSpans": []any{map[string]any{"spans": spans}}}}})
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, line...), '\n')
	}
	return out
}

func TestJaegerErrors(t *testing.T) {
	t.Parallel()
	const in = `{"data":[{"spans":[{"traceID":"t","spanID":"1","operationName":"a","startTime":0,"duration":5000,
		"tags":[{"key":"error","type":"bool","value":true}]},
		{"traceID":"t","spanID":"2","operationName":"b","startTime":1000,"duration":1000,"references":[{"refType":"FOLLOWS_FROM","spanID":"1"}]}]}]}`
	list, err := Jaeger([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := weights(t, list.Spans)
	if diff := cmp.Diff(map[string]float64{"a (error)": 4, "a (error) > b": 1}, got); diff != "" {
		t.Error(diff)
	}
}

// TestChromeOfMCPDiag reads the async events that mcpdiag flame --format chrome writes.
func TestChromeOfMCPDiag(t *testing.T) {
	t.Parallel()
	const in = `{"traceEvents":[{"name":"process_name","ph":"M","pid":1,"tid":0,"args":{"name":"x"}},
		{"name":"plan","ph":"b","cat":"call","id":"1","pid":1,"tid":1,"ts":0,"args":{"id":"c1"}},
		{"name":"search","ph":"b","cat":"call","id":"2","pid":1,"tid":1,"ts":1000,"args":{"id":"c2","parent":"1"}},
		{"name":"search","ph":"e","cat":"call","id":"2","pid":1,"tid":1,"ts":3000},
		{"name":"plan","ph":"e","cat":"call","id":"1","pid":1,"tid":1,"ts":5000}]}`
	list, err := Chrome([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := weights(t, list.Spans)
	if diff := cmp.Diff(map[string]float64{"plan": 3, "plan > search": 2}, got); diff != "" {
		t.Error(diff)
	}
}

// TestChromeAsync nests async events of one id, which Chrome uses again and writes as id2.
func TestChromeAsync(t *testing.T) {
	t.Parallel()
	// event returns an event at a number of milliseconds.
	event := func(phase, name, id string, at int) string {
		return fmt.Sprintf(`{"ph":%q,"name":%q,"cat":"c","pid":1,"tid":1,"ts":%d,%s}`, phase, name, 1000*at, id)
	}
	const one, local, other, global = `"id":"0x1"`, `"id2":{"local":"0x1"}`, `"id2":{"local":"0x2"}`, `"id2":{"global":"0x1"}`
	for name, tt := range map[string]struct {
		events []string
		want   map[string]float64
	}{
		"three levels": {
			[]string{event("b", "a", one, 0), event("b", "b", one, 10), event("b", "c", one, 20), event("e", "c", one, 50), event("e", "b", one, 60), event("e", "a", one, 100)},
			map[string]float64{"a": 50, "a > b": 20, "a > b > c": 30},
		},
		"an id that is used again": {
			[]string{
				event("b", "a", one, 0), event("b", "b", one, 10), event("e", "b", one, 40), event("e", "a", one, 50),
				event("b", "d", one, 60), event("b", "b", one, 60), event("e", "b", one, 65), event("e", "d", one, 80),
			},
			map[string]float64{"a": 20, "a > b": 30, "d": 15, "d > b": 5},
		},
		"ids within a process": {
			[]string{event("b", "a", local, 0), event("b", "b", other, 10), event("b", "g", global, 10), event("e", "a", local, 20), event("e", "b", other, 30), event("e", "g", global, 40)},
			map[string]float64{"a": 20, "b": 20, "g": 30},
		},
		"never ended": {
			[]string{event("b", "a", one, 0), event("b", "b", one, 10), event("b", "x", other, 0), event("e", "x", other, 40)},
			map[string]float64{"a": 10, "a > b": 30, "x": 40},
		},
	} {
		list, err := Chrome([]byte("[" + strings.Join(tt.events, ",") + "]"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, _ := weights(t, list.Spans)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestOTLPAttributes reads values of JSON with escapes, and numbers as a string.
func TestOTLPAttributes(t *testing.T) {
	t.Parallel()
	const in = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"a","spanId":"1","name":"","startTimeUnixNano":"0","endTimeUnixNano":"5000000","attributes":[
		{"key":"n","value":{"intValue":"3"}},{"key":"error","value":{"boolValue":true}},{"key":"mcp.method.name","value":{"stringValue":"resources\/read"}},
		{"key":"mcp.resource.uri","value":{"stringValue":"x:\u0026\"q\""}}]}]}]}]}`
	list, err := OTLP([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := weights(t, list.Spans)
	if diff := cmp.Diff(map[string]float64{`resources/read x:&"q" (error)`: 5}, got); diff != "" {
		t.Error(diff)
	}
}

// TestCompressedMessages reads messages that each follow their length, compressed one by one
// as the file exporter of the Collector does, and a file that ends within one.
func TestCompressedMessages(t *testing.T) {
	t.Parallel()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	framed := func(messages ...[]byte) (file []byte) {
		for _, m := range messages {
			m = enc.EncodeAll(m, nil)
			file = append(binary.BigEndian.AppendUint32(file, uint32(len(m))), m...)
		}
		return file
	}
	half := func(list []*tracepb.Span) []byte {
		data, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: list}}}}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	json := bytes.Split(bytes.TrimSpace(asJSON(t, server())), []byte("\n"))
	whole := framed(half(server()[:3]), half(server()[3:]))
	for name, in := range map[string][]byte{
		"protobuf": whole, "JSON": framed(json...), "cut off": append(bytes.Clone(whole), whole[:30]...),
	} {
		r, err := Protobuf(in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, _ := weights(t, r.Spans); cmp.Diff(wantServer, got) != "" || r.Cut != (name == "cut off") {
			t.Errorf("%s: cut off %t, %s", name, r.Cut, cmp.Diff(wantServer, got))
		}
	}
}

// TestReferences takes the parent from the same trace: the first one that is a child's, or
// that it follows.
func TestReferences(t *testing.T) {
	t.Parallel()
	const in = `[{"traceID":"t","spans":[{"traceID":"t","spanID":"1","operationName":"a","startTime":0,"duration":10000},
		{"traceID":"t","spanID":"2","operationName":"b","startTime":1000,"duration":3000,"references":[{"refType":"FOLLOWS_FROM","traceID":"u","spanID":"9"},{"refType":"FOLLOWS_FROM","traceID":"t","spanID":"1"}]},
		{"traceID":"t","spanID":"3","operationName":"c","startTime":1000,"duration":2000,"references":[{"refType":"CHILD_OF","traceID":"t","spanID":"2"},{"refType":"CHILD_OF","traceID":"t","spanID":"1"}]}]}]`
	r, err := Jaeger([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	got, p := weights(t, r.Spans)
	if diff := cmp.Diff(map[string]float64{"a": 7, "a > b": 1, "a > b > c": 2}, got); diff != "" || len(p.Warnings) > 0 {
		t.Errorf("%q %s", p.Warnings, diff)
	}
}

func TestZipkin(t *testing.T) {
	t.Parallel()
	const (
		root   = `{"traceId":"t","id":"1","name":"tools/call","timestamp":1700000000000000,"duration":10000,"tags":{"mcp.method.name":"tools/call","gen_ai.tool.name":"search"}}`
		client = `{"traceId":"t","id":"2","parentId":"1","name":"get","kind":"CLIENT","timestamp":1700000000001000,"duration":6000}`
		half   = `{"traceId":"t","id":"2","parentId":"1","name":"serve","kind":"SERVER","shared":true,"timestamp":1700000000002000,"duration":4000}`
		query  = `{"traceId":"t","id":"3","parentId":"2","name":"query","timestamp":1700000000003000,"duration":1000,"tags":{"error":""}}`
		other  = `{"traceId":"u","id":"1","name":"ping","timestamp":1700000000003000}`
	)
	for _, tt := range []struct {
		name, in string
		want     map[string]float64
	}{
		{"spans", "[" + root + "," + client + "]", map[string]float64{"tools/call search": 4, "tools/call search > get": 6}},
		{"traces", "[[" + client + "," + root + "],[" + other + "]]", map[string]float64{"tools/call search": 4, "tools/call search > get": 6, "ping": 0}},
		{"two halves of a call", "[" + strings.Join([]string{query, half, client, root}, ",") + "]", map[string]float64{
			"tools/call search": 4, "tools/call search > get": 2, "tools/call search > get > serve": 3, "tools/call search > get > serve > query (error)": 1,
		}},
		{"the server's half alone", "[" + root + "," + half + "]", map[string]float64{"tools/call search": 6, "tools/call search > serve": 4}},
	} {
		r, err := Zipkin([]byte(tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got, _ := weights(t, r.Spans); cmp.Diff(tt.want, got) != "" {
			t.Errorf("%s: %s", tt.name, cmp.Diff(tt.want, got))
		}
	}
}
