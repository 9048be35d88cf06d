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
		{"V8: samples of the root", v8("1,3", "0,1000", 3000), "(root) 1\na;b 2\n", ""},
		{"V8: nodes without a parent", strings.ReplaceAll(v8("2,3", "0,1000", 3000), "(root)", "main"), "main;a 1\nmain;a;b 2\n", ""},
		{"V8: counts of the root", `{"nodes":[{"id":1,"hitCount":3,"callFrame":{"functionName":"(root)"},"children":[2]},{"id":2,"hitCount":4,"callFrame":{"functionName":"a"}}]}`, "(root) 3\na 4\n", ""},
		{"V8 heap: bytes of the root", `{"head":{"callFrame":{"functionName":"(root)"},"selfSize":7,"children":[{"callFrame":{"functionName":"a"},"selfSize":5}]}}`, "(root) 7\na 5\n", ""},
		{"Chrome: times and names of other types", events(`{"name":7,"ph":"X","ts":"0","dur":"2000","pid":"p"}`, `null`), "7 2\n", ""},
		{"Chrome: begun and not ended", events(`{"name":"A","ph":"B","ts":0}`, `{"name":"B","ph":"B","ts":1000}`, `{"ph":"E","ts":3000}`), "A 1\nA;B 2\n", "1 span not ended"},
		{"Chrome: async, not ended", events(`{"name":"A","ph":"b","id":1,"ts":0}`, `{"name":"B","ph":"X","ts":1000,"dur":3000}`), "A 4\nB 3\n", "1 span not ended"},
		{"Chrome: an array without its end", `[{"name":"A","ph":"X","ts":0,"dur":2000},` + "\n", "A 2\n", ""},
		{"Chrome: times before 0, unsorted", events(`{"name":"B","ph":"X","ts":-900,"dur":500}`, `{"name":"A","ph":"X","ts":-1000,"dur":1000}`), "A 0.5\nA;B 0.5\n", ""},
		{"Grafana Tempo", `{"batches":[{"scopeSpans":[{"spans":[{"traceId":"ab+/","spanId":"Ab+/","name":"call","startTimeUnixNano":"0","endTimeUnixNano":"5000000"}]}]}]}`, "call 5\n", ""},
		{"speedscope: samples without a frame", `{"shared":{"frames":[{"name":"a"}]},"profiles":[{"type":"sampled","unit":"none","samples":[[0],[]],"weights":[1,3]}]}`, "a 1\n", ""},
		{"speedscope: frames left open", `{"shared":{"frames":[{"name":"a"},{"name":"b"}]},"profiles":[{"type":"evented","unit":"milliseconds","startValue":0,"endValue":10,"events":[{"type":"O","frame":0,"at":0},{"type":"O","frame":1,"at":4}]}]}`, "a 4\na;b 6\n", "2 frames not closed"},
		{"Go: lines after a panic", goPanic, "main.main;main.f 1\n", ""},
		{"Go: CRLF", strings.ReplaceAll(goPanic, "\n", "\r\n"), "main.main;main.f 1\n", ""},
		{"Go: cut off within a frame", goPanic[:strings.Index(goPanic, "main()")+3], "main.f 1\n", ""},
		{"perf script without -g", "node 12 1.5: 10 cycles: 7f01 fib+0x10 (/b)\nnode 12 1.6: 10 cycles: 7f02 [unknown] ([kernel])\n", "node;[unknown] 1\nnode;fib 1\n", ""},
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
		{"samples of a CPU profile in a trace", events(`{"name":"ProfileChunk","ph":"P","ts":1}`), "save the profile itself, in Node.js with --cpu-prof"},
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
