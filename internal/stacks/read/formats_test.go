package read_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/pprof/profile"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
)

// sample is one stack with a whole weight.
type sample struct {
	stack  []string
	weight int
}

// odd are names that a reader could mistake for something else. Formats of text
// cannot contain all of them.
var odd = []string{
	"", "a;b", "x 12", "<lambda>", "\x1b[31mred", "ünïcödé", "(anonymous)", "\"quoted\"", "back\\slash", "node_modules/x", "a.b.(*T).f", "]]>", "_[k]", strings.Repeat("long", 100),
}

var plainNames = []string{"main.main", "net/http.(*conn).serve", "a.b", "x<y>", "ünïcödé", "operator new", "f-g", "_start", "$lambda$1"}

// random returns stacks of odd names.
func random(seed uint64, names []string) []sample {
	rnd := rand.New(rand.NewPCG(seed, 7))
	var list []sample
	for range 3 + rnd.IntN(20) {
		stack := make([]string, 1+rnd.IntN(6))
		for i := range stack {
			stack[i] = names[rnd.IntN(len(names))]
		}
		list = append(list, sample{stack, 1 + rnd.IntN(50)})
	}
	return list
}

// merge adds up the weights of each path, without a tree.
func merge(list []sample, scale float64) map[string]float64 {
	weights := map[string]float64{}
	for _, s := range list {
		for i := range s.stack {
			weights[strings.Join(s.stack[:i+1], "\x00")] += float64(s.weight) * scale
		}
	}
	return weights
}

func paths(p *stacks.Profile) map[string]float64 {
	tree, found := p.Tree(stacks.ByName), map[string]float64{}
	for i := 1; i < len(tree.Nodes); i++ {
		found[strings.Join(tree.Path(int32(i)), "\x00")] = tree.Nodes[i].Total
	}
	return found
}

// interner numbers names.
type interner struct{ names []string }

func (in *interner) id(name string) int {
	if i := slices.Index(in.names, name); i >= 0 {
		return i
	}
	in.names = append(in.names, name)
	return len(in.names) - 1
}

type object = map[string]any

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

func speedscopeSampled(list []sample) []byte {
	var in interner
	samples, weights := [][]int{}, []int{}
	for _, s := range list {
		var ids []int
		for _, name := range s.stack {
			ids = append(ids, in.id(name))
		}
		samples, weights = append(samples, ids), append(weights, s.weight)
	}
	return speedscopeOf(&in, object{"type": "sampled", "name": "p", "unit": "milliseconds", "samples": samples, "weights": weights})
}

func speedscopeEvented(list []sample) []byte {
	var in interner
	events, at := []object{}, 0
	for _, s := range list {
		for _, name := range s.stack {
			events = append(events, object{"type": "O", "frame": in.id(name), "at": at})
		}
		at += s.weight
		for _, name := range slices.Backward(s.stack) {
			events = append(events, object{"type": "C", "frame": in.id(name), "at": at})
		}
	}
	return speedscopeOf(&in, object{"type": "evented", "name": "p", "unit": "milliseconds", "startValue": 0, "endValue": at, "events": events})
}

func speedscopeOf(in *interner, p object) []byte {
	frames := []object{}
	for _, name := range in.names {
		frames = append(frames, object{"name": name})
	}
	return encode(object{"shared": object{"frames": frames}, "profiles": []object{p}})
}

// v8Tree builds the nodes of a V8 profile.
type v8Tree struct {
	name     string
	weight   int
	children []*v8Tree
	id       int
}

func v8Of(list []sample) *v8Tree {
	root, count := &v8Tree{name: "(root)", id: 1}, 1
	for _, s := range list {
		at := root
		for _, name := range s.stack {
			i := slices.IndexFunc(at.children, func(c *v8Tree) bool { return c.name == name })
			if i < 0 {
				count++
				at.children = append(at.children, &v8Tree{name: name, id: count})
				i = len(at.children) - 1
			}
			at = at.children[i]
		}
		at.weight += s.weight
	}
	return root
}

func cpuProfile(list []sample) []byte {
	var nodes []object
	samples, deltas, total := []int{}, []int{500}, 500
	var walk func(n *v8Tree)
	walk = func(n *v8Tree) {
		ids := []int{}
		for _, c := range n.children {
			ids = append(ids, c.id)
		}
		nodes = append(nodes, object{"id": n.id, "callFrame": object{"functionName": n.name, "url": "", "lineNumber": 1}, "children": ids})
		if n.weight > 0 {
			samples, deltas = append(samples, n.id), append(deltas, 1000*n.weight)
			total += 1000 * n.weight
		}
		for _, c := range n.children {
			walk(c)
		}
	}
	walk(v8Of(list))
	return encode(object{"nodes": nodes, "startTime": 1e6, "endTime": 1e6 + total, "samples": samples, "timeDeltas": deltas[:len(samples)]})
}

func heapProfile(list []sample) []byte {
	var node func(n *v8Tree) object
	node = func(n *v8Tree) object {
		children := []object{}
		for _, c := range n.children {
			children = append(children, node(c))
		}
		return object{"id": n.id, "selfSize": n.weight, "callFrame": object{"functionName": n.name, "url": ""}, "children": children}
	}
	return encode(object{"head": node(v8Of(list)), "samples": []object{}})
}

// gecko writes a profile of the Firefox Profiler in one of its two forms.
func gecko(list []sample, raw bool) []byte {
	var in interner
	prefix, frame, samples, weight := []any{}, []any{}, []any{}, []any{}
	for _, s := range list {
		var at any
		for _, name := range s.stack {
			prefix, frame = append(prefix, at), append(frame, in.id(name))
			at = len(prefix) - 1
		}
		for range s.weight {
			samples, weight = append(samples, at), append(weight, 1)
		}
	}
	frames := []any{}
	for i := range in.names {
		frames = append(frames, i)
	}
	table := func(columns object, n int) any {
		if !raw {
			columns["length"] = n
			return columns
		}
		schema, rows := object{}, make([][]any, n)
		for _, name := range slices.Sorted(func(yield func(string) bool) {
			for k := range columns {
				if !yield(k) {
					return
				}
			}
		}) {
			schema[name] = len(schema)
			for i, v := range columns[name].([]any) {
				rows[i] = append(rows[i], v)
			}
		}
		return object{"schema": schema, "data": rows}
	}
	thread := object{"name": "main", "samples": table(object{"stack": samples, "weight": weight}, len(samples)), "stackTable": table(object{"prefix": prefix, "frame": frame}, len(prefix))}
	if raw {
		thread["frameTable"], thread["stringTable"] = table(object{"location": frames}, len(frames)), in.names
	} else {
		thread["frameTable"], thread["funcTable"] = table(object{"func": frames}, len(frames)), table(object{"name": frames}, len(frames))
		thread["stringArray"] = in.names
	}
	return encode(object{"meta": object{"interval": 1}, "libs": []object{}, "threads": []object{thread}})
}

func perfScript(list []sample) []byte {
	var out strings.Builder
	for _, s := range list {
		for range s.weight {
			fmt.Fprintf(&out, "%s 12/13 [001] 100.001: 250000 cycles:u: \n", s.stack[0])
			for _, name := range slices.Backward(s.stack[1:]) {
				fmt.Fprintf(&out, "\t7f01 %s+0x10 (/usr/bin/b)\n", name)
			}
			out.WriteString("\n")
		}
	}
	return []byte(out.String())
}

func goStacks(list []sample) []byte {
	var out strings.Builder
	n := 0
	for _, s := range list {
		for range s.weight {
			n++
			fmt.Fprintf(&out, "goroutine %d [chan receive, 3 minutes]:\n", n)
			for _, name := range slices.Backward(s.stack) {
				fmt.Fprintf(&out, "%s(0xc000, {0x1, 0x2})\n\t/src/x.go:12 +0x1d\n", name)
			}
			out.WriteString("created by main.start in goroutine 1\n\t/src/x.go:1 +0x1\n\n")
		}
	}
	return []byte(out.String())
}

func goText(list []sample) []byte {
	var out strings.Builder
	out.WriteString("goroutine profile: total 99\n")
	for _, s := range list {
		fmt.Fprintf(&out, "%d @", s.weight)
		for i := range s.stack {
			fmt.Fprintf(&out, " 0x%x", 0x1000+i)
		}
		out.WriteString("\n")
		for i, name := range slices.Backward(s.stack) {
			fmt.Fprintf(&out, "#\t0x%x\t%s+0x1d\t\t/src/x.go:12\n", 0xfff+i, name)
		}
		out.WriteString("\n")
	}
	return []byte(out.String())
}

func pprofOf(list []sample) []byte {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "cpu", Unit: "milliseconds"}}}
	locations := map[string]*profile.Location{}
	for _, s := range list {
		var stack []*profile.Location
		for _, name := range slices.Backward(s.stack) {
			if locations[name] == nil {
				f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
				locations[name] = &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
				p.Function, p.Location = append(p.Function, f), append(p.Location, locations[name])
			}
			stack = append(stack, locations[name])
		}
		p.Sample = append(p.Sample, &profile.Sample{Location: stack, Value: []int64{int64(s.weight)}})
	}
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func chromeComplete(list []sample) []byte {
	events, at := []object{{"ph": "M", "name": "process_name", "pid": 1, "args": object{"name": "x"}}}, 0
	for _, s := range list {
		for _, name := range s.stack {
			events = append(events, object{"ph": "X", "name": name, "pid": 1, "tid": 2, "ts": 1000 * at, "dur": 1000 * s.weight})
		}
		at += s.weight
	}
	return encode(object{"traceEvents": events})
}

func chromeBeginEnd(list []sample) []byte {
	events, at := []object{}, 0
	for _, s := range list {
		for _, name := range s.stack {
			events = append(events, object{"ph": "B", "name": name, "pid": 1, "tid": 2, "ts": 1000 * at})
		}
		at += s.weight
		for range s.stack {
			events = append(events, object{"ph": "E", "pid": 1, "tid": 2, "ts": 1000 * at})
		}
	}
	return bytes.TrimSuffix(encode(events), []byte("]")) // the end may be missing
}

// trace makes a span of each frame.
func trace(list []sample, add func(trace, id, parent uint64, name string, begin, end int)) {
	at, id := 1000, uint64(0)
	for i, s := range list {
		parent := uint64(0)
		for _, name := range s.stack {
			id++
			add(uint64(i+1), id, parent, name, at, at+s.weight)
			parent = id
		}
		at += s.weight
	}
}

func bytesOf(id uint64, n int) []byte {
	if id == 0 {
		return nil
	}
	return binary.BigEndian.AppendUint64(make([]byte, n-8), id)
}

func otlpJSON(list []sample) []byte {
	spans := []object{}
	trace(list, func(trace, id, parent uint64, name string, begin, end int) {
		spans = append(spans, object{
			"traceId": hex.EncodeToString(bytesOf(trace, 16)), "spanId": hex.EncodeToString(bytesOf(id, 8)),
			"parentSpanId": hex.EncodeToString(bytesOf(parent, 8)), "name": name, "kind": 2,
			"startTimeUnixNano": fmt.Sprint(begin * 1e6), "endTimeUnixNano": fmt.Sprint(end * 1e6),
		})
	})
	return encode(object{"resourceSpans": []object{{"resource": object{}, "scopeSpans": []object{{"spans": spans}}}}})
}

func otlpProto(list []sample) []byte {
	scope := &tracepb.ScopeSpans{}
	trace(list, func(trace, id, parent uint64, name string, begin, end int) {
		scope.Spans = append(scope.Spans, &tracepb.Span{
			TraceId: bytesOf(trace, 16), SpanId: bytesOf(id, 8), ParentSpanId: bytesOf(parent, 8), Name: name,
			StartTimeUnixNano: uint64(begin) * 1e6, EndTimeUnixNano: uint64(end) * 1e6,
		})
	})
	data, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{scope}}}})
	if err != nil {
		panic(err)
	}
	return data
}

func otlpProtoWithLengths(list []sample) []byte {
	data := otlpProto(list)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
}

func jaeger(list []sample) []byte {
	spans := []object{}
	trace(list, func(trace, id, parent uint64, name string, begin, end int) {
		references := []object{}
		if parent != 0 {
			references = append(references, object{"refType": "CHILD_OF", "spanID": fmt.Sprint(parent)})
		}
		spans = append(spans, object{
			"traceID": fmt.Sprint(trace), "spanID": fmt.Sprint(id), "operationName": name, "references": references,
			"startTime": begin * 1000, "duration": (end - begin) * 1000,
		})
	})
	return encode(object{"data": []object{{"traceID": "1", "spans": spans}}})
}

func zipkin(list []sample) []byte {
	spans := []object{}
	trace(list, func(trace, id, parent uint64, name string, begin, end int) {
		span := object{"traceId": fmt.Sprint(trace), "id": fmt.Sprint(id), "name": name, "timestamp": begin * 1000, "duration": (end - begin) * 1000}
		if parent != 0 {
			span["parentId"] = fmt.Sprint(parent)
		}
		spans = append(spans, span)
	})
	return encode(spans)
}

// chromeCPUProfile writes a CPU profile of V8 as events, one for each node, and one for each sample.
func chromeCPUProfile(list []sample) []byte {
	events, at := []object{}, 0
	chunk := func(name string, data object) {
		events = append(events, object{"ph": "P", "name": name, "pid": 1, "tid": 2, "id": "0x1", "ts": at, "args": object{"data": data}})
	}
	chunk("Profile", object{"startTime": 7})
	chunk("ProfileChunk", object{"cpuProfile": object{"nodes": []object{{"id": 1, "callFrame": object{"functionName": "(root)"}}}}})
	samples, deltas := []int{}, []int{0}
	var walk func(n *v8Tree)
	walk = func(n *v8Tree) {
		if n.weight > 0 {
			samples, deltas = append(samples, n.id), append(deltas, 1000*n.weight)
		}
		for _, c := range n.children {
			at++
			chunk("ProfileChunk", object{"cpuProfile": object{"nodes": []object{{"id": c.id, "parent": n.id, "callFrame": object{"functionName": c.name}}}}})
			walk(c)
		}
	}
	walk(v8Of(list))
	end := 7
	for i, id := range samples {
		at, end = at+1, end+deltas[i]
		chunk("ProfileChunk", object{"cpuProfile": object{"samples": []int{id}}, "timeDeltas": deltas[i : i+1]})
	}
	chunk("ProfileChunk", object{"endTime": end + deltas[len(samples)]})
	return encode(object{"traceEvents": events})
}

// TestFormatsAreWhatAPlainMergeMakes writes random stacks in each format and compares
// the weight of each path with a map from paths to weights.
func TestFormatsAreWhatAPlainMergeMakes(t *testing.T) {
	t.Parallel()
	unnamed := func(placeholder string) []string {
		return append(slices.Clone(odd[1:]), placeholder)
	}
	for _, tt := range []struct {
		name   string
		names  []string
		encode func([]sample) []byte
		format stacks.Format
		unit   stacks.Unit
	}{
		{"speedscope sampled", odd, speedscopeSampled, read.Speedscope, stacks.Millis},
		{"speedscope evented", odd, speedscopeEvented, read.Speedscope, stacks.Millis},
		{"V8 CPU profile", unnamed("f"), cpuProfile, read.CPUProfile, stacks.Millis},
		{"V8 heap profile", unnamed("f"), heapProfile, read.HeapProfile, stacks.Bytes},
		{"Firefox Profiler, raw", odd, func(l []sample) []byte { return gecko(l, true) }, read.Gecko, stacks.Samples},
		{"Firefox Profiler, processed", odd, func(l []sample) []byte { return gecko(l, false) }, read.Gecko, stacks.Samples},
		{"perf script", plainNames, perfScript, read.PerfScript, stacks.Samples},
		{"Go stacks", plainNames, goStacks, read.GoStacks, "goroutines"},
		{"Go text", plainNames, goText, read.Pprof, "goroutine"},
		{"pprof", unnamed("f"), pprofOf, read.Pprof, stacks.Millis},
		{"Chrome complete events", odd[1:], chromeComplete, read.ChromeEvents, stacks.Millis},
		{"Chrome begin and end events", odd[1:], chromeBeginEnd, read.ChromeEvents, stacks.Millis},
		{"OTLP JSON", odd[1:], otlpJSON, read.OTLP, stacks.Millis},
		{"OTLP protobuf", odd[1:], otlpProto, read.OTLP, stacks.Millis},
		{"OTLP protobuf with lengths", odd[1:], otlpProtoWithLengths, read.OTLP, stacks.Millis},
		{"Jaeger", odd[1:], jaeger, read.Jaeger, stacks.Millis},
		{"Zipkin", odd[1:], zipkin, read.Zipkin, stacks.Millis},
		{"CPU profile in Chrome's events", unnamed("f"), chromeCPUProfile, read.CPUProfile, stacks.Millis},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(8) {
				list := random(seed, tt.names)
				p, err := open(tt.encode(list), read.Options{})
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if p.Format != tt.format || p.Unit != tt.unit {
					t.Errorf("read as %s in %s, want %s in %s", p.Format, p.Unit, tt.format, tt.unit)
				}
				same := cmpopts.EquateApprox(1e-9, 1e-9)
				if diff := cmp.Diff(merge(list, 1), paths(p), same); diff != "" {
					t.Fatalf("seed %d: paths differ from a plain merge (-merge +read):\n%s", seed, diff)
				}
				if got, want := p.Weight(), sumOf(list); math.Abs(got-want) > 1e-6 {
					t.Errorf("seed %d: the total is %g, the sum of the weights %g", seed, got, want)
				}
			}
		})
	}
}

func sumOf(list []sample) (sum float64) {
	for _, s := range list {
		sum += float64(s.weight)
	}
	return sum
}
