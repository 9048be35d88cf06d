package read_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
	"github.com/klauspost/compress/zstd"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
)

// TestCases reads inputs as real tools write them. An empty text means that the
// input has no weight at all.
func TestCases(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"all_two_numbers.raw":           "thread_140 12\nthread_141 7\n",
		"big.folded":                    "a;b 240000000000000000\na;c 18446744073709551616\na;d 1\n",
		"bom_crlf.folded":               "a;b 5\na;c 3\n",
		"comment_like.folded":           "#[12];y 3\n#anon;x 3\n#include 5\na 5\n",
		"empty_frames.folded":           "(unnamed);(unnamed);(unnamed) 3\n(unnamed);c 2\na;(unnamed);b 1\nd;(unnamed) 4\n",
		"evented_idle.speedscope.json":  "b 20\n",
		"jitter.speedscope.json":        "b 15\nb;c 15\n",
		"json_frame.folded":             "[{\"b\"}];y 3\n{\"a\":1};x 5\n",
		"mini.cpuprofile":               "(idle) 1\n(program) 2\nhandle 1\nhandle;(garbage collector) 1\nhandle;handle 1.5\nhandle;parse 3\n",
		"mini.heapprofile":              "keep 4096\nkeep;(anonymous) app.js:10 1024\n",
		"mini.trace.json":               "A 0.5\nA;B 0.4\nA;C 0.1\n",
		"nulls.speedscope.json":         "a 1\n",
		"only_blank.folded":             "",
		"perf-script.txt":               "node;main;fib 1\n",
		"pyspy_old_thread.raw":          "thread_140 12\nthread 140;main (a.py:3) 9\nthread_141 7\n",
		"pyspy_threads.raw":             "\"process 12:\"\"a:b\"\"\";main 2\n",
		"schema_last.speedscope.json":   "function_number_1 1\n",
		"self_and_child.folded":         "root 75\nroot;child 25\n",
		"semicolon.speedscope.json":     "sh -c while $(curl x): do sleep 1: done;b 1000\nsh -c while $(curl x): do sleep 1: done;c 2000\n",
		"siblings.folded":               "a 5\na;foo 4\na-b 2\na.init;x 3\n",
		"twounits.speedscope.json":      "b 10\nb;c 20\n",
		"utf16.folded":                  "a;b 5\na;c 3\n",
		"version_first.speedscope.json": "function_number_1 1\n",
		"zero.folded":                   "",
		"zero_byte.folded":              "a;b\\x00c 5\n",
	} {
		if file == "pyspy_threads.raw" {
			want = "\"process 12:\"\"a;b\"\"\";main 2\nthread (140);main (a.py:1) 5\nthread (141) 3\n"
		}
		p, err := open(readCase(t, file), read.Options{})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if diff := cmp.Diff(want, folded(t, p)); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}

func readCase(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "cases", file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTheTimeBeforeTheFirstSampleBelongsToNothing(t *testing.T) {
	t.Parallel()
	p, err := open(readCase(t, "mini.cpuprofile"), read.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Weight(); got != 9.5 {
		t.Errorf("the profile of 10 ms with a first sample at 0.5 ms weighs %g ms", got)
	}
}

// TestMarkup reads names that look like markup.
func TestMarkup(t *testing.T) {
	t.Parallel()
	p, err := open(readCase(t, "markup.folded"), read.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Weight(); got != 18 {
		t.Errorf("the weights add up to %g", got)
	}
}

func TestRefusedInputsAreNamed(t *testing.T) {
	t.Parallel()
	many := func(line string) []byte { return []byte(strings.Repeat(line+"\n", 5)) }
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"Java Flight Recording", []byte("FLR\x00\x00\x02"), "a Java Flight Recording (JFR), which mcpdiag does not read; convert it"},
		{"perf.data", []byte("PERFILE2\x00\x01"), `write it as text with "perf script"`},
		{"callgrind", []byte("# callgrind format\nevents: Ir\nfn=(1) main\n1 100\n2 50\n"), "a callgrind file"},
		{"callgrind without its comment", []byte("version: 1\nevents: Ir\nfn=(1) main\n+1 x\n"), "a callgrind file"},
		{"Instruments, deep copy", []byte("Running Time\tSelf (ms)\tSymbol\n12.0ms 10%\t0\tmain\n"), "a call tree of Apple Instruments"},
		{"Instruments, export", []byte(`<?xml version="1.0"?><trace-query-result><node/></trace-query-result>`), "an export of Apple Instruments"},
		{"Java thread dump", []byte("2026-01-01 10:00:00\nFull thread dump OpenJDK:\n\"main\" #1\n"), "a Java thread dump"},
		{"heap snapshot", []byte(`{"snapshot":{"meta":{}},"nodes":[1,2]}`), "a V8 heap snapshot"},
		{"mostly prose", append(many("this is no stack at all."), "main;x 5\n"...), `1 of 6 lines here; the first line is "this is no stack at all."`},
		{"a document", []byte(`{"title":"x","sections":[]}`), `a JSON document with the members ["title" "sections"] is neither a snapshot nor a profile`},
		{"only a startTime", []byte(`{"startTime":12,"name":"x"}`), "neither a snapshot nor a profile"},
		{"no profiles", readCase(t, "noprofiles.speedscope.json"), "it contains no profile"},
		{"weights are text", readCase(t, "stringweights.speedscope.json"), "profiles.weights at byte 369: a string where another type is expected"},
		{"odd numbers", readCase(t, "exp.folded"), "which holds for 3 of 11 lines here"},
		{"samples of a missing node", []byte(`{"nodes":[{"id":1,"callFrame":{"functionName":"(root)"}}],"samples":[7],"timeDeltas":[1],"startTime":0}`), "node 7, which does not exist"},
		{"a cycle of nodes", []byte(`{"nodes":[{"id":1,"callFrame":{"functionName":"a"},"children":[2]},{"id":2,"callFrame":{"functionName":"b"},"children":[1]}],"samples":[1],"timeDeltas":[1]}`), "among its own children"},
		{"empty", nil, "it is empty"},
		{"a note", []byte("# Notes\n\nThe heap of the server grew to 61\nWe saw that in the log of 12\n- sessions 40\n- a call takes 532\n"), "most lines here read like sentences"},
		{"a note of many kinds", []byte("## Figures of 2026\nThe p99 was 12\nSome words without a number\nAfter a while, the search of the tool took 3; the other of them 4\n> it was more than 5\n1. the first of all is 6\n"), "read like sentences"},
		{"one sentence", []byte("the answer to all of this is 42\n"), "read like sentences"},
		{"infinite", []byte("a;b 1e308\na;c 1e308\n"), "add up to more than 1e+300"},
		{"infinite base", []byte("a;b 1 1e308\na;c 1 1e308\n"), "add up to more than 1e+300"},
		{"infinite speedscope", []byte(`{"shared":{"frames":[{"name":"a"}]},"profiles":[{"type":"sampled","unit":"none","samples":[[0],[0]],"weights":[1e308,1e308],"startValue":0,"endValue":1}]}`), "add up to more than 2^62"},
	} {
		if _, err := open(tt.in, read.Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

// TestNamesLikeProse reads folded stacks whose names have spaces, or are single frames.
func TestNamesLikeProse(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"main 5\nidle 7\n",
		"Run Task Main Thread 12\nParse HTML 3\n",
		"get the weather;of a city 5\n",
		"std::map<int, of the> >::at (in libfoo.so) 5\n",
		"all the threads;main of it;a b c 5\nwait for the lock 3\nx;y 2\n",
		"[unknown] 4\n(garbage collector) 3\n- 2\n* 1\n",
		"py-spy thread 12 (idle) 4\nThread 0x7f of 12\n",
	} {
		if _, err := open([]byte(in), read.Options{}); err != nil {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestCompressed(t *testing.T) {
	t.Parallel()
	plain := readCase(t, "mini.trace.json")
	var zipped bytes.Buffer
	gz := gzip.NewWriter(&zipped)
	_, _ = gz.Write(plain)
	_ = gz.Close()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	nested := plain
	for range 6 {
		nested = enc.EncodeAll(nested, nil)
	}
	for name, in := range map[string][]byte{"gzip": zipped.Bytes(), "zstd": enc.EncodeAll(plain, nil)} {
		p, err := open(in, read.Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if p.Weight() != 1 {
			t.Errorf("%s: the weight is %g ms", name, p.Weight())
		}
	}
	if _, err := open(nested, read.Options{}); err == nil || !strings.Contains(err.Error(), "compressed more than 4 times") {
		t.Errorf("compressed six times: %v", err)
	}
}

func TestZeroDefaultValueListsTheOthers(t *testing.T) {
	t.Parallel()
	f := &profile.Function{ID: 1, Name: "f"}
	l := &profile.Location{ID: 1, Line: []profile.Line{{Function: f}}}
	src := &profile.Profile{
		SampleType:        []*profile.ValueType{{Type: "alloc_space", Unit: "bytes"}, {Type: "inuse_space", Unit: "bytes"}},
		DefaultSampleType: "inuse_space", Function: []*profile.Function{f}, Location: []*profile.Location{l},
		Sample: []*profile.Sample{{Location: []*profile.Location{l}, Value: []int64{3 << 20, 0}}},
	}
	var out bytes.Buffer
	if err := src.Write(&out); err != nil {
		t.Fatal(err)
	}
	_, err := open(out.Bytes(), read.Options{})
	if err == nil || !strings.Contains(err.Error(), "(pprof): its default value inuse_space is 0 in every sample; --sample chooses another: alloc_space (3.0 MB)") {
		t.Errorf("got %v", err)
	}
	p, err := open(out.Bytes(), read.Options{Sample: "alloc_space"})
	if err != nil || p.Weight() != 3<<20 || p.Unit != stacks.Bytes {
		t.Errorf("alloc_space: %v", err)
	}
}

// TestBinaryOfGperftools reads a CPU profile that begins with a word of zeros.
func TestBinaryOfGperftools(t *testing.T) {
	t.Parallel()
	var in []byte
	for _, word := range []uint64{0, 3, 0, 10_000, 0, 5, 2, 0x1000, 0x2000, 0, 1, 0} { // header, 5 samples of 10 ms, trailer
		in = binary.LittleEndian.AppendUint64(in, word)
	}
	p, err := open(append(in, "00000000-00009000 r-xp 00000000 00:00 0 /bin/x\n"...), read.Options{})
	if err != nil || p.Weight() != 50 || p.Unit != stacks.Millis {
		t.Errorf("%v, %v", p, err)
	}
}

// TestSamplesOfPprof counts the samples behind a profile: those of waiting are contentions,
// and Node.js calls a sample "sample". The number of different stacks says nothing.
func TestSamplesOfPprof(t *testing.T) {
	t.Parallel()
	f := &profile.Function{ID: 1, Name: "f"}
	l := &profile.Location{ID: 1, Line: []profile.Line{{Function: f}}}
	for kind, want := range map[string]float64{"samples": 500, "sample": 500, "contentions": 500, "objects": 1} {
		unit := "nanoseconds"
		if kind == "objects" {
			unit = "bytes"
		}
		src := &profile.Profile{
			SampleType: []*profile.ValueType{{Type: kind, Unit: "count"}, {Type: "wall", Unit: unit}},
			Function:   []*profile.Function{f}, Location: []*profile.Location{l},
			Sample: []*profile.Sample{{Location: []*profile.Location{l}, Value: []int64{500, 3e9}}},
		}
		var out bytes.Buffer
		if err := src.Write(&out); err != nil {
			t.Fatal(err)
		}
		p, err := open(out.Bytes(), read.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Observed != want {
			t.Errorf("%s: %g samples, want %g", kind, p.Observed, want)
		}
		src.Sample = nil
		out.Reset()
		if err := src.Write(&out); err != nil {
			t.Fatal(err)
		}
		if _, err := open(out.Bytes(), read.Options{}); kind == "contentions" && (err == nil || !strings.Contains(err.Error(), "SetBlockProfileRate")) {
			t.Errorf("%s, empty: %v", kind, err)
		}
	}
}

// TestManyThreads reads files with many threads whose tables are shared. A reader that copies
// the tables for each thread needs gigabytes, or minutes.
func TestManyThreads(t *testing.T) {
	t.Parallel()
	const threads, frames = 2000, 20_000
	var names, profiles, stackTable []string
	for i := range frames {
		names = append(names, fmt.Sprintf(`{"name":"function %d"}`, i))
		stackTable = append(stackTable, fmt.Sprint(i))
	}
	for i := range threads {
		profiles = append(profiles, fmt.Sprintf(`{"type":"sampled","name":"thread","unit":"none","samples":[[%d]],"weights":[1]}`, i))
	}
	all := strings.Join(stackTable, ",")
	for name, in := range map[string]string{
		"speedscope": `{"shared":{"frames":[` + strings.Join(names, ",") + `]},"profiles":[` + strings.Join(profiles, ",") + `]}`,
		"gecko": `{"meta":{},"libs":[],"shared":{"stackTable":{"prefix":[` + strings.Repeat("null,", frames-1) + `null],"frame":[` + all + `]},"frameTable":{"func":[` + all + `]},"funcTable":{"name":[` + all + `]},` +
			`"stringArray":["` + strings.Join(strings.Fields(strings.ReplaceAll(all, ",", " ")), `","`) + `"]},"threads":[` + strings.Repeat(`{"samples":{"stack":[7]}},`, threads-1) + `{"samples":{"stack":[7]}}]}`,
	} {
		began := time.Now()
		p, err := open([]byte(in), read.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Weight() != threads {
			t.Errorf("%s: weight %g", name, p.Weight())
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

func TestProfileIsChosenByNameOrNumber(t *testing.T) {
	t.Parallel()
	in := readCase(t, "twounits.speedscope.json")
	for _, tt := range []struct {
		want string
		unit stacks.Unit
		sum  float64
	}{{"wall", stacks.Millis, 30}, {"alloc", stacks.Bytes, 1000200}, {"1", stacks.Millis, 30}, {"2", stacks.Bytes, 1000200}} {
		p, err := open(in, read.Options{Profile: tt.want})
		if err != nil || p.Unit != tt.unit || p.Weight() != tt.sum {
			t.Errorf("%s: %v, got %v", tt.want, err, p)
		}
	}
	threads := bytes.ReplaceAll(bytes.ReplaceAll(in, []byte(`"bytes"`), []byte(`"milliseconds"`)), []byte(`"alloc"`), []byte(`"wall"`))
	if p, err := open(threads, read.Options{Profile: "wall"}); err != nil || p.Weight() != 1000230 {
		t.Errorf("two profiles of one name: %v, %v", p, err)
	}
	for _, wrong := range []string{"0", "3", "heap", "-1"} {
		if _, err := open(in, read.Options{Profile: wrong}); err == nil || !strings.Contains(err.Error(), "but 1 to 2: wall (ms), alloc (bytes)") {
			t.Errorf("%s: got %v", wrong, err)
		}
	}
}

// TestDeepEvented reads 30,000 levels; a reader that looks at the whole stack at each
// event needs minutes.
func TestDeepEvented(t *testing.T) {
	t.Parallel()
	const levels = 30_000
	var stack []string
	for i := range levels {
		stack = append(stack, fmt.Sprint("f", i%7))
	}
	p, err := open(speedscopeEvented([]sample{{stack, 5}}), read.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tree := p.Tree(stacks.ByName)
	if last := tree.Nodes[len(tree.Nodes)-1]; last.Depth != levels || last.Self != 5 {
		t.Errorf("the last frame is at depth %d and weighs %g", last.Depth, last.Self)
	}
}

func TestV8NamesTellFunctionsApart(t *testing.T) {
	t.Parallel()
	node := func(id int, name, url string, line int) object {
		return object{"id": id, "hitCount": 1, "callFrame": object{"functionName": name, "url": url, "lineNumber": line}}
	}
	root := node(1, "(root)", "", -1)
	root["children"] = []int{2, 3, 4, 5}
	in := encode(object{"nodes": []object{root, node(2, "get", "file:///a.js", 1), node(3, "get", "file:///b.js", 2), node(4, "", "file:///c.js", 3), node(5, "query", "file:///x/node_modules/pg/lib/client.js", 9)}})
	p, err := open(in, read.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "(anonymous) /c.js:4 1\n(root) 1\nget /a.js:2 1\nget /b.js:3 1\nquery node_modules/pg/lib/client.js:10 1\n"
	if diff := cmp.Diff(want, folded(t, p)); diff != "" {
		t.Error(diff)
	}
	if p.Unit != stacks.Samples {
		t.Errorf("hit counts are %s", p.Unit)
	}
}

func TestPerfEventsAreNotAddedUp(t *testing.T) {
	t.Parallel()
	in := "a 1 1.0: 1 cycles: \n\t1 f (x)\n\na 1 1.1: 1 cache-misses: \n\t1 g (x)\n\na 1 1.2: 1 cycles: \n\t1 f (x)\n\n"
	p, err := open([]byte(in), read.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := folded(t, p); got != "a;f 2\n" || len(p.Warnings) != 1 {
		t.Errorf("got %q, warnings %q", got, p.Warnings)
	}
	if p, err = open([]byte(in), read.Options{Profile: "cache-misses"}); err != nil || folded(t, p) != "a;g 1\n" {
		t.Errorf("cache-misses: %v", err)
	}
}
