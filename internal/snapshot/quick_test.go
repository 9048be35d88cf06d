package snapshot

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const usual = `{"timestamp":1763700000992,"activeSessions":7,"toolCallStack":[{"id":"c1","name":"read_file","durationMs":12.5,` +
	`"sessionId":"s1"},{"id":"c2","name":"plan","durationMs":0,"parentId":"c1","handler":"h","startedAt":1763700000000}],` +
	`"handlerQueue":{"search":3},"heapUsedMB":60.9,"rssMB":100.25,"pid":12,"startTime":1763600000,"uptimeMs":1.5,` +
	`"sessionsCreatedTotal":9,"sessionsClosedTotal":2,"oldestSessionAgeMs":4,"openStreams":1,"callsTotal":100,"errorsTotal":0,` +
	`"handlers":{"search":{"calls":1,"errors":0,"retainedMB":0.5}},` +
	`"poll":{"at":1763700000992,"target":"http://localhost:3100/debug/snapshot","latencyMs":2.1,"dnsMs":0.5,"connectMs":0.25,"tlsMs":0.75,"firstByteMs":1.9,"intervalMs":1000}}`

func TestQuickReadsWhatIsUsual(t *testing.T) {
	for _, doc := range []string{usual, `{ "toolCallStack" : [ ] , "heapUsedMB" : 0 }`, `{"toolCallStack":[],"handlerQueue":{}}`} {
		if new(quick).decode(doc) == nil {
			t.Errorf("gave up on %s", doc)
		}
	}
	for _, object := range []reflect.Type{reflect.TypeFor[Snapshot](), reflect.TypeFor[Call](), reflect.TypeFor[Poll](), reflect.TypeFor[Handler]()} {
		var seen fields
		for _, name := range jsonNames(object) {
			if !seen.first(name) {
				t.Errorf("%s of %s falls together with another field", name, object)
			}
		}
	}
}

// FuzzQuick holds quick against decoder: what it reads, decoder reads just so and without a doubt.
func FuzzQuick(f *testing.F) {
	for _, doc := range []string{
		usual, `{}`, `{"heapUsedMB":-1}`, `{"heapUsedMB":1e3}`, `{"heapUsedMB":01}`, `{"heapUsedMB":0.1,"heapUsedMB":2}`, `{"pid":1.5}`,
		`{"toolCallStack":[{"id":"a","name":"x"},{"id":"a","name":"y"}]}`, `{"toolCallStack":[{"name":"x"}]}`, `{"toolCallStack":[{"id":"é"}]}`,
		`{"poll":{"at":"2025-01-01T00:00:00Z"}}`, `{"handlerQueue":[{"handler":"a","depth":1}]}`, `{"heapUsedMB":9007199254740993}`,
		`{"toolCallStack":[{"id":"a","durationMs":0.1234567890123456}]}`, `{"timestamp":99999999999999999}`, `{"heapUsedMB":1}x`, `{"heapUsedMB":1.}`,
		`{"handlerQueue":{"a":1,"a":2}}`, `{"toolCallStack":[{"id":"a"},]}`, `{"toolCallStack":null,"heapUsedMB":1}`, "\ufeff{\"heapUsedMB\":1}",
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := new(quick).decode(string(data))
		if got == nil {
			return
		}
		want, err := Decode(data)
		if err != nil || len(want.Warnings) > 0 {
			t.Fatalf("read what decoder doubts: %v %v", err, want)
		}
		want.Raw = nil
		if len(want.ToolCallStack) == 0 && len(got.ToolCallStack) == 0 {
			want.ToolCallStack, got.ToolCallStack = nil, nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatal(cmp.Diff(want, got))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, kind := range []string{"quick", "careful"} {
		b.Run("decoder="+kind, func(b *testing.B) {
			b.SetBytes(int64(len(usual)))
			b.ReportAllocs()
			var q quick
			var d decoder
			for b.Loop() {
				if kind == "quick" {
					q.reset()
					q.decode(usual)
				} else if _, err := d.decode([]byte(usual)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
