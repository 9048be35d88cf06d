package read_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
)

const goPanic = "panic: boom\n\ngoroutine 1 [running]:\nmain.f(...)\n\t/a/b.go:20\nmain.main()\n\t/a/b.go:21 +0x1d\nexit status 2\n"

// events are Chrome trace events.
func events(list ...string) string { return `{"traceEvents":[` + strings.Join(list, ",") + `]}` }

// sharedGecko is a profile whose tables stand beside the threads, as newer versions of
// the Firefox Profiler write it, with samples as given.
func sharedGecko(samples string) string {
	return `{"meta":{"interval":1},"libs":[],"shared":{"stackTable":{"prefix":[null,0],"frame":[0,1],"length":2},"frameTable":{"func":[0,1],"length":2},` +
		`"funcTable":{"name":[0,1],"length":2},"stringArray":["a","b"]},"threads":[{"name":"t","samples":` + samples + `}]}`
}

// packed compresses a text.
func packed(text string) string {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return out.String()
}

// wide writes a text in UTF-16 without a byte order mark; first is the place of the low byte.
func wide(text string, first int) string {
	out := make([]byte, 0, 2*len(text))
	for _, u := range utf16.Encode([]rune(text)) {
		pair := [2]byte{byte(u), byte(u >> 8)}
		out = append(out, pair[first], pair[1-first])
	}
	return string(out)
}

// chromeSamples returns the events of a CPU profile that was recorded in a trace, in an order.
func chromeSamples(order ...int) string {
	parts := []string{
		`{"name":"Profile","ph":"P","pid":7,"tid":7,"id":"0x1","ts":100,"args":{"data":{"startTime":100}}}`,
		`{"name":"ProfileChunk","ph":"P","pid":7,"tid":8,"id":"0x1","ts":2000,"args":{"data":{"cpuProfile":{"nodes":[{"id":1,"callFrame":{"functionName":"(root)"}},{"id":2,"parent":1,"callFrame":{"functionName":"main"}}],"samples":[2,2]},"timeDeltas":[0,1000]}}}`,
		`{"name":"ProfileChunk","ph":"P","pid":7,"tid":8,"id":"0x1","ts":5000,"args":{"data":{"endTime":4600,"cpuProfile":{"nodes":[{"id":3,"parent":2,"callFrame":{"functionName":"work"}}],"samples":[3,2]},"timeDeltas":[1500,1000]}}}`,
		`{"name":"ProfileChunk","ph":"P","pid":7,"tid":8,"id":"0x2","ts":5000,"args":{"data":{}}}`,
	}
	var list []string
	for _, i := range order {
		list = append(list, parts[i])
	}
	return events(list...)
}

func otlpLine(id, parent, name string, ms int) string {
	return fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"a","spanId":%q,"parentSpanId":%q,"name":%q,"startTimeUnixNano":"0","endTimeUnixNano":"%d000000","attributes":[]}]}]}]}`, id, parent, name, ms)
}

// v8 is a CPU profile of the functions a and b, with samples and the times before them.
func v8(samples, deltas string, end int) string {
	return fmt.Sprintf(`{"nodes":[{"id":1,"callFrame":{"functionName":"(root)"},"children":[2,9]},{"id":2,"callFrame":{"functionName":"a"},"children":[3]},`+
		`{"id":3,"callFrame":{"functionName":"b"}}],"samples":[%s],"timeDeltas":[%s],"startTime":0,"endTime":%d}`, samples, deltas, end)
}

// TestOddInputs compares the paths of odd inputs with a merge by hand.
func TestOddInputs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want, warning string }{
		{"V8: a delta that goes back", v8("2,3,2", "0,3000,-1000", 5000), "a 5\n", ""},
		{"V8: a child that is missing", v8("2,3", "0,1000", 3000), "a 1\na;b 2\n", ""},
		{"V8: functions of the runtime have no line", strings.ReplaceAll(v8("2,3", "0,1000", 3000), `"functionName":"a"`, `"functionName":"","url":"node:internal/timers","lineNumber":-1`), "(anonymous) node:internal/timers 1\n(anonymous) node:internal/timers;b 2\n", ""},
		{"V8: samples of the root", v8("1,3", "0,1000", 3000), "(root) 1\na;b 2\n", ""},
		{"V8: nodes without a parent", strings.ReplaceAll(v8("2,3", "0,1000", 3000), "(root)", "main"), "main;a 1\nmain;a;b 2\n", ""},
		{"V8: counts of the root", `{"nodes":[{"id":1,"hitCount":3,"callFrame":{"functionName":"(root)"},"children":[2]},{"id":2,"hitCount":4,"callFrame":{"functionName":"a"}}]}`, "(root) 3\na 4\n", ""},
		{"V8 heap: bytes of the root", `{"head":{"callFrame":{"functionName":"(root)"},"selfSize":7,"children":[{"callFrame":{"functionName":"a"},"selfSize":5}]}}`, "(root) 7\na 5\n", ""},
		{"Chrome: times and names of other types", events(`{"name":7,"ph":"X","ts":"0","dur":"2000","pid":"p"}`, `null`), "7 2\n", ""},
		{"Chrome: begun and not ended", events(`{"name":"A","ph":"B","ts":0}`, `{"name":"B","ph":"B","ts":1000}`, `{"ph":"E","ts":3000}`), "A 1\nA;B 2\n", "1 span not ended"},
		{"Chrome: async, not ended", events(`{"name":"A","ph":"b","id":1,"ts":0}`, `{"name":"B","ph":"X","ts":1000,"dur":3000}`), "A 4\nB 3\n", "1 span not ended"},
		{"Chrome: an array without its end", `[{"name":"A","ph":"X","ts":0,"dur":2000},` + "\n", "A 2\n", ""},
		{"Chrome: an object without its end", `{"metadata":{"a":[1]},"traceEvents":[{"name":"A","ph":"X","ts":0,"dur":2000},` + "\n", "A 2\n", "the file is cut off, and what it held after 1 span is lost"},
		{"Chrome: an array that ends within an event", `[{"name":"A","ph":"X","ts":0,"dur":2000},{"name":"B","ph":"X","t`, "A 2\n", "the file is cut off"},
		{"Chrome: samples, parts in another order", chromeSamples(2, 0, 1, 3), "main 3.5\nmain;work 1\n", ""},
		{"Chrome: samples and spans", strings.Replace(chromeSamples(0, 1, 2), "[", `[{"name":"Task","ph":"X","ts":0,"dur":9000},`, 1), "main 3.5\nmain;work 1\n", "the file contains 1 span beside the samples of a CPU profile; --profile spans shows them"},
		{"Chrome: large metadata first", `{"metadata":{"sourceMaps":"` + strings.Repeat("x", 2<<20) + `"},"traceEvents":[{"name":"A","ph":"X","ts":0,"dur":2000}]}`, "A 2\n", ""},
		{"Chrome: times before 0, unsorted", events(`{"name":"B","ph":"X","ts":-900,"dur":500}`, `{"name":"A","ph":"X","ts":-1000,"dur":1000}`), "A 0.5\nA;B 0.5\n", ""},
		{"Grafana Tempo", `{"batches":[{"scopeSpans":[{"spans":[{"traceId":"ab+/","spanId":"Ab+/","name":"call","startTimeUnixNano":"0","endTimeUnixNano":"5000000"}]}]}]}`, "call 5\n", ""},
		{"OTLP: a line that is cut off", otlpLine("1", "", "a", 10) + "\n" + otlpLine("2", "1", "b", 4) + "\n" + otlpLine("3", "1", "c", 4)[:60], "a 6\na;b 4\n", "the file is cut off"},
		{"OTLP: null in place of times and lists", strings.NewReplacer(`"0"`, "null", "[]", "null").Replace(otlpLine("1", "", "a", 10)), "a 10\n", ""},
		{"Zipkin", `[[{"traceId":"t","id":"1","name":"a","timestamp":5,"duration":2000}]]`, "a 2\n", ""},
		{"speedscope: samples without a frame", `{"shared":{"frames":[{"name":"a"}]},"profiles":[{"type":"sampled","unit":"none","samples":[[0],[]],"weights":[1,3]}]}`, "a 1\n", ""},
		{"speedscope: frames left open", `{"shared":{"frames":[{"name":"a"},{"name":"b"}]},"profiles":[{"type":"evented","unit":"milliseconds","startValue":0,"endValue":10,"events":[{"type":"O","frame":0,"at":0},{"type":"O","frame":1,"at":4}]}]}`, "a 4\na;b 6\n", "2 frames not closed"},
		{"Go: lines after a panic", goPanic, "main.main;main.f 1\n", ""},
		{"Go: CRLF", strings.ReplaceAll(goPanic, "\n", "\r\n"), "main.main;main.f 1\n", ""},
		{"Go: no stack", goPanic + "\ngoroutine 9 [running]:\n\tgoroutine running on other thread; stack unavailable\ncreated by main.start\n\t/x.go:1 +0x1\n", "(stack unavailable) 1\nmain.main;main.f 1\n", ""},
		{"Go: cut off within a frame", goPanic[:strings.Index(goPanic, "main()")+3], "main.f 1\n", ""},
		{"perf script without -g", "node 12 1.5: 10 cycles: 7f01 fib+0x10 (/b)\nnode 12 1.6: 10 cycles: 7f02 [unknown] ([kernel])\n", "node;[unknown] 1\nnode;fib 1\n", ""},
		{"perf script without the event", "node 12 1.5: \n\t7f01 fib+0x10 (/b)\n\nnode 12 1.6: \n\t7f01 fib+0x10 (/b)\n\n", "node;fib 2\n", ""},
		{"perf script of a tracepoint", "node 12 [001] 1.5: sched:sched_switch: prev_comm=node prev_pid=12 ==> next_comm=swapper/1\n\tffff schedule+0x10 ([kernel.kallsyms])\n\t7f02 main+0x1 (/b)\n\n", "node;main;schedule 1\n", ""},
		{"perf script with source lines", "node 12 1.5: 10 cycles: \n\t7f01 fib+0x10 (/b)\n  fib.c:12\n\t7f02 main+0x1 (/b)\n  main.c:3\n\n", "node;main;fib 1\n", ""},
		{"perf script: paths with blanks", "node 12 1.5: 10 cycles: \n\t7f01 fib (/opt/my app/b)\n\t7f02 (anonymous namespace)::f() (/opt/my app/b)\n\t7f03 ([vdso])\n\n", "node;7f03;(anonymous namespace)::f();fib 1\n", ""},
		{"perf script without -g, aligned", "   node 12 1.5: 10 cycles:  7f01 fib+0x10 (/b)\n     sh 13 1.6: 10 cycles:  7f02 f+0x1 (/b)\n", "node;fib 1\nsh;f 1\n", ""},
		{"perf script: odd processes", ":-1 0 1.6: cycles: \n\t1 f (inlined)\n\nWeb Content 12/13 1.7: 5 cycles: \n\t1 g+0x1 (/x (deleted))\n\n", ":-1;f 1\nWeb Content;g 1\n", ""},
		{"gecko: tables of all threads", sharedGecko(`{"stack":[1,0,null],"length":3}`), "a 1\na;b 1\n", ""},
		{"gecko: negative weights", sharedGecko(`{"stack":[1,0],"weight":[5,-2],"weightType":"bytes","length":2}`), "a;b 5\n", "1 weight negative and left out"},
		{"gzip in gzip", packed(packed("a;b 5\n")), "a;b 5\n", ""},
		{"gzip, two members", packed("a;b 5\n") + packed("a;c 3\n"), "a;b 5\na;c 3\n", ""},
		{"gzip, padded with zeros", packed("a;b 5\n") + "\x00\x00\x00", "a;b 5\n", ""},
		{"UTF-16 without a mark, little endian", wide("a;b 5\r\na;c 3\r\n", 0), "a;b 5\na;c 3\n", ""},
		{"UTF-16 without a mark, big endian", wide("a;b 5\na;c 3\n", 1), "a;b 5\na;c 3\n", ""},
	} {
		p, err := open([]byte(tt.in), read.Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, folded(t, p)); diff != "" {
			t.Errorf("%s (-want +got): %s", tt.name, diff)
		}
		if p.Nodes[stacks.Root].Self != 0 {
			t.Errorf("%s: the root, which nothing shows, weighs %g", tt.name, p.Nodes[stacks.Root].Self)
		}
		if warnings := strings.Join(p.Warnings, "\n"); (tt.warning == "") != (warnings == "") || !strings.Contains(warnings, tt.warning) {
			t.Errorf("%s: warnings %q, want %q", tt.name, warnings, tt.warning)
		}
	}
}

// TestOddInputsAreRefused checks that the errors name what is wrong.
func TestOddInputsAreRefused(t *testing.T) {
	t.Parallel()
	deep := `{"head":` + strings.Repeat(`{"callFrame":{"functionName":"f"},"selfSize":1,"children":[`, 6000)
	for _, tt := range []struct{ name, in, want string }{
		{"cut off CPU profile", v8("2", "0", 1)[:60], "cpuprofile): the file is cut off: its JSON ends early"},
		{"cut off within a word", events(`{"name":"A","ph":"X","ts":0,"dur":1,"x":tr`)[:56], "chrome): the file is cut off"},
		{"cut off heap profile, deep", deep, "heapprofile): "},
		{"ids as strings", strings.ReplaceAll(v8(`"2"`, "0", 1), `"id":2`, `"id":"2"`), "nodes.id at byte"},
		{"a CPU profile in a trace, without samples", events(`{"name":"ProfileChunk","ph":"P","ts":1}`), "it contains no spans"},
		{"metrics", "# TYPE calls counter\ncalls{tool=\"a\"} 5\ncalls{tool=\"b\"} 7\nprocess_open_fds 12\n", `"mcpdiag metrics" reads them`},
		{"metrics without comments", "calls{tool=\"a b\"} 5\ncalls{tool=\"b\"} 7e+06\nprocess_open_fds 12\nprocess_threads 3\n", `"mcpdiag metrics" reads them`},
		{"a config file", "server:\n  port: 3100\n  timeout: 30\n  pool: 5\nname: x\n", "no folded stacks"},
		{"a table", "name, calls, ms\nsearch, 12, 340\nfetch, 3, 20\n", "no folded stacks"},
		{"columns of numbers", "time\tcpu\trss\n1\t2\t3\n2\t3.5\t4\n3\t4\t5\n", "no folded stacks"},
		{"cProfile", "\xfb)\x03\xfa\x01~\xe9\x00\x00\x00\x00", "a profile of Python's cProfile"},
		{"a dump of py-spy", "Process 12: python app.py\nPython v3.11.2 (/usr/bin/python3.11)\n\nThread 12 (active): \"MainThread\"\n    f (app.py:9)\n", "py-spy record"},
		{"a report of pprof", "File: x\nType: cpu\nShowing nodes accounting for 10ms, 100% of 10ms total\n      10ms   100%   100%       10ms   100%  main.f\n", "a report of pprof"},
		{"gecko: a stack that does not exist", sharedGecko(`{"stack":[7],"length":1}`), "sample 0 has stack 7, of 2 stacks"},
		{"cut off gzip", packed(strings.Repeat("a;b 5\n", 99))[:30], "the compressed data is cut off"},
		{"gzip and something else", packed("a;b 5\n") + "garbage", "bytes after the gzip data that are not gzip"},
		{"UTF-32", "a\x00\x00\x00;\x00\x00\x00b\x00\x00\x00 \x00\x00\x005\x00\x00\x00", "text in UTF-32; write it as UTF-8"},
		{"other bytes", "\x80\x04\x95\x00\x00\x00\x00marshal", "it is binary, and neither a pprof profile"},
		{"PNG", "\x89PNG\r\n\x1a\n\x00\x00", "this is a picture"},
		{"xz", "\xfd7zXZ\x00\x00", "unpack it, or pipe it: xzcat"},
		{"HTML", "<!DOCTYPE html>\n<title>Sign in</title>\n", "this is an HTML page"},
		{"Chrome: events that are nearly empty", events(strings.Repeat("{},", 1<<20) + "{}"), "objects have fewer than 12 bytes each"},
		{"a log", strings.Repeat("2026-01-01 10:00:00 INFO requests served 5\n", 3), `these are lines of a log, which mcpdiag flame does not draw; "mcpdiag logs" reads them`},
		{"blank lines first", "\n\n   libc`a+0x1\n", "the first line is \"libc`a+0x1\""},
	} {
		if _, err := open([]byte(tt.in), read.Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	if !json.Valid([]byte(v8("2,3", "0,1000", 3000))) || !json.Valid([]byte(sharedGecko(`{}`))) {
		t.Error("the inputs of this test are no JSON")
	}
}

// endless repeats a text for ever.
type endless string

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for n+len(e) <= len(p) {
		n += copy(p[n:], e)
	}
	return n, nil
}

// An input that has no end and is no profile is refused, not read.
func TestEndlessInput(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"no profile\n":     "which holds for 0 of 1048576 lines",
		`{"a": 1, "b": [2`: "a JSON document with the members",
		"\x00\x00\x00\x00": "it begins with zero bytes",
	} {
		input := io.MultiReader(strings.NewReader(text), endless(text))
		in, err := read.Open(input, "input")
		if err == nil {
			_, err = in.Profile(read.Options{})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
