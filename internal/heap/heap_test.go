package heap_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
	"github.com/mcpdiag/mcpdiag/internal/heap/heaptest"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

func file(path string) heap.Source {
	return heap.Source{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

func content(name string, data []byte) heap.Source {
	return heap.Source{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

func run(t *testing.T, operations int, sources ...heap.Source) *heap.Result {
	t.Helper()
	res, err := heap.Run(sources, heap.Options{Operations: operations, Memory: graph.DefaultLimit})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// node runs the script that leaks, or the mended one, and returns its snapshots.
func node(t *testing.T, mode string) []heap.Source {
	t.Helper()
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), program, "testdata/leak.js", mode, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return []heap.Source{file(filepath.Join(dir, "a.heapsnapshot")), file(filepath.Join(dir, "b.heapsnapshot"))}
}

// The holders of a leak are named by their paths; no string of the heap is printed.
func TestLeakInNode(t *testing.T) {
	t.Parallel()
	res := run(t, 1000, node(t, "leak")...)
	var judged []string
	for _, h := range res.Holders {
		if h.Judged {
			judged = append(judged, h.Path+" "+h.Class)
		}
	}
	if want := []string{"registry.sessions Map", "hub.byToken Object"}; !slices.Equal(judged, want) {
		t.Errorf("the holders are %q, want %q", judged, want)
	}
	if res.Verdict != heap.Grows || res.Report().Outcome != finding.Found {
		t.Errorf("the verdict is %s: %s", res.Verdict, res.Headline)
	}
	i := slices.IndexFunc(res.Classes, func(c heap.Class) bool { return c.Name == "Session" })
	if i < 0 || res.Classes[i].Objects != 1000 || *res.Classes[i].ObjectsPerOperation != 1 {
		t.Errorf("the classes are %+v", res.Classes)
	}
	if h := res.Holders[0]; h.Retained < h.Bytes || *h.ObjectsPerOperation < 3 {
		t.Errorf("%+v", h)
	}
	for name, render := range map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return res.Text(w, false) }, "json": func(w io.Writer) error { return json.NewEncoder(w).Encode(res) },
		"junit": res.Report().JUnit, "markdown": res.Report().Markdown, "github": res.Report().GitHub,
	} {
		var b bytes.Buffer
		if err := render(&b); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "secret") || !strings.Contains(b.String(), "registry.sessions") {
			t.Errorf("%s: %s", name, b.String())
		}
	}
}

// What many objects with one path keep adds up: each of them alone would be passed over.
func TestManyHolders(t *testing.T) {
	t.Parallel()
	res := run(t, 1000, node(t, "spread")...)
	if !strings.Contains(res.Headline, "stay in clients[*].seen (Map), 100 of them") || res.Holders[0].Instances != 100 {
		t.Errorf("%s: %s", res.Verdict, res.Headline)
	}
}

// A property whose name is a symbol is written as in a program.
func TestSymbol(t *testing.T) {
	t.Parallel()
	if res := run(t, 1000, node(t, "symbol")...); !strings.Contains(res.Headline, "stay in index[kById] (Map)") {
		t.Errorf("%s: %s", res.Verdict, res.Headline)
	}
}

// Numbers are not objects: their holder is named by its storage, which grew. Storage that took
// the place of as much is not.
func TestLargerStorage(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{
		"array": "are in larger storage of metrics.samples (Array)", "set": "are in larger storage of metrics.seen (Set)",
		"buffer": "are in larger storage of metrics (Object)", "ring": "and no holder keeps an object per two operations",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			res := run(t, 1000, node(t, mode)...)
			verdict := heap.Measured
			if mode == "ring" {
				verdict = heap.Steady
			}
			if res.Verdict != verdict || !strings.Contains(res.Headline, want) {
				t.Errorf("%s: %s, want %s", res.Verdict, res.Headline, want)
			}
		})
	}
}

// goroutines returns a profile of n goroutines that wait in a handler, and of others that serve.
func goroutines(t *testing.T, n int64) []byte {
	t.Helper()
	at := func(id uint64, name, file string) *profile.Location {
		return &profile.Location{ID: id, Line: []profile.Line{{Function: &profile.Function{ID: id, Name: name, Filename: file}, Line: int64(id)}}} //nolint:gosec // it is small
	}
	park, wait, own := at(1, "runtime.gopark", "proc.go"), at(2, "sync.runtime_notifyListWait", "sema.go"), at(3, "example.org/app.(*pool).get", "pool.go")
	begun, serve := at(4, "example.org/app.handle.func1", "handle.go"), at(5, "net/http.(*persistConn).readLoop", "transport.go")
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "goroutine", Unit: "count"}}, Sample: []*profile.Sample{
		{Location: []*profile.Location{park, wait, own, begun}, Value: []int64{n}}, {Location: []*profile.Location{park, wait, serve}, Value: []int64{2 + n/10}},
	}}
	for _, l := range []*profile.Location{park, wait, own, begun, serve} {
		p.Location, p.Function = append(p.Location, l), append(p.Function, l.Line[0].Function)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Goroutines that stay are named by the line of the program where they wait, and beside a heap
// they come first.
func TestGoroutines(t *testing.T) {
	t.Parallel()
	const stay = "1.0 goroutines per operation stay, waiting in example.org/app.(*pool).get pool.go:3, called by example.org/app.handle.func1 handle.go:4"
	before, after := content("a", goroutines(t, 5)), content("b", goroutines(t, 1005))
	res := run(t, 1000, before, after)
	if res.Verdict != heap.Grows || res.Headline != stay || res.Goroutines[1].Name != "net/http.(*persistConn).readLoop transport.go:5" || res.B.Objects != 1107 {
		t.Errorf("%s: %s, %+v", res.Verdict, res.Headline, res.Goroutines)
	}
	both := run(t, 1000, content("a", goHeap(t, 100, 3)), content("b", goHeap(t, 100, 3)))
	if err := both.AddGoroutines(before, after); err != nil || both.Kept() != stay || both.Verdict != heap.Grows || len(both.Report().Findings) != 1 {
		t.Errorf("%v, %s: %s", err, both.Verdict, both.Kept())
	}
	var text strings.Builder
	if err := both.Text(&text, false); err != nil || !strings.Contains(text.String(), "1.00       1,000  example.org/app.(*pool).get pool.go:3") {
		t.Errorf("%v\n%s", err, text.String())
	}
	if res := run(t, 1000, before, before); res.Verdict != heap.Steady || res.Headline != "there are 7 goroutines, and were 7" {
		t.Errorf("%s: %s", res.Verdict, res.Headline)
	}
	if res := run(t, 0, after); res.Headline != "there are 1,107 goroutines" || len(res.Goroutines) != 2 {
		t.Errorf("%s: %+v", res.Headline, res.Goroutines)
	}
}

// The mended script replaces as many objects as it makes, and is not blamed.
func TestMendedInNode(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	res := run(t, 1000, node(t, "mended")...)
	if res.Verdict != heap.Steady || len(res.Report().Findings) > 0 || res.Report().Outcome != finding.Clean {
		t.Errorf("%s: %s, %+v", res.Verdict, res.Headline, res.Holders)
	}
}

func TestOneSnapshot(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	res := run(t, 0, node(t, "leak")[1])
	paths := []string{}
	for _, o := range res.Largest {
		paths = append(paths, o.Path)
	}
	if !slices.Contains(paths, "registry.sessions") || !slices.Contains(paths, "hub") {
		t.Errorf("the largest objects are %q", paths)
	}
	if res.Verdict != heap.Measured || res.Report().Outcome != finding.Clean {
		t.Errorf("the verdict is %s", res.Verdict)
	}
}

func TestNotComparable(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	pair := node(t, "leak")
	pprof := content("go.pb.gz", goHeap(t, 1, 1))
	for name, c := range map[string]struct {
		sources []heap.Source
		want    string
	}{
		"the older one second": {[]heap.Source{pair[1], pair[0]}, "name the older one first"},
		"two kinds":            {[]heap.Source{pair[0], pprof}, "compare two of one kind"},
		"neither":              {[]heap.Source{content("x.folded", []byte("a;b 1\n"))}, "it is none of these: a .heapsnapshot or .heapprofile of V8, a heap profile of pprof, a document of tracemalloc, a class histogram of a JVM"},
		"empty":                {[]heap.Source{content("x", nil)}, "it is empty"},
	} {
		if _, err := heap.Run(c.sources, heap.Options{Memory: graph.DefaultLimit}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := heap.Run(pair[1:], heap.Options{Memory: 1000}); err == nil || !strings.HasSuffix(err.Error(), "of memory") {
		t.Errorf("with too little memory: %v", err)
	}
}

// goHeap returns a heap profile of Go: a cache that holds n objects of 1 KiB, and a
// buffer of 1 MiB.
func goHeap(t testing.TB, cached, buffers int64) []byte {
	t.Helper()
	fn := func(id uint64, name, file string) *profile.Function {
		return &profile.Function{ID: id, Name: name, Filename: "/src/app/" + file}
	}
	store, handle, buffer := fn(1, "app.(*cache).store", "cache.go"), fn(2, "app.handle", "main.go"), fn(3, "app.newBuffer", "main.go")
	at := func(id uint64, f *profile.Function, line int64) *profile.Location {
		return &profile.Location{ID: id, Line: []profile.Line{{Function: f, Line: line}}}
	}
	l := []*profile.Location{at(1, store, 31), at(2, handle, 12), at(3, buffer, 40)}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"}, {Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}},
		PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"}, Period: 4096,
		Function: []*profile.Function{store, handle, buffer}, Location: l,
		Sample: []*profile.Sample{
			{Location: []*profile.Location{l[0], l[1]}, Value: []int64{cached, cached << 10, cached, cached << 10}},
			{Location: []*profile.Location{l[2], l[1]}, Value: []int64{9, 9 << 20, buffers, buffers << 20}},
		},
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The headline names the line of the program that called the library, although each goroutine that
// stays takes more.
func TestGoLibrary(t *testing.T) {
	t.Parallel()
	heapOf := func(n int64) []byte {
		open := &profile.Function{ID: 1, Name: "example.org/app.(*sessions).open", Filename: "/src/app/sessions.go"}
		alloc := &profile.Function{ID: 2, Name: "runtime.malg", Filename: "/go/src/runtime/proc.go"}
		library := &profile.Function{ID: 3, Name: "context.withCancel", Filename: "/go/src/context/context.go"}
		l := []*profile.Location{{ID: 1, Line: []profile.Line{{Function: open, Line: 9}}}, {ID: 2, Line: []profile.Line{{Function: alloc, Line: 5}}}, {ID: 3, Line: []profile.Line{{Function: library, Line: 7}}}}
		p := &profile.Profile{
			SampleType: []*profile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}},
			PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"}, Period: 1,
			Function: []*profile.Function{open, alloc, library}, Location: l, Sample: []*profile.Sample{
				{Location: []*profile.Location{l[2], l[0]}, Value: []int64{n, n * 100}}, {Location: l[1:2], Value: []int64{n, n * 400}},
			},
		}
		var b bytes.Buffer
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	res := run(t, 1000, content("a", heapOf(10)), content("b", heapOf(1010)))
	if want := "1.0 objects (100 B) per operation stay, allocated in example.org/app.(*sessions).open sessions.go:9"; res.Headline != want || len(res.Sites) != 2 {
		t.Errorf("%q, want %q: %+v", res.Headline, want, res.Sites)
	}
}

func TestGoProfiles(t *testing.T) {
	t.Parallel()
	res := run(t, 2000, content("a.pb.gz", goHeap(t, 100, 3)), content("b.pb.gz", goHeap(t, 2100, 3)))
	if len(res.Sites) != 1 || res.Verdict != heap.Grows {
		t.Fatalf("%s: %+v", res.Verdict, res.Sites)
	}
	s := res.Sites[0]
	if s.Name != "app.(*cache).store cache.go:31" || s.Callers[0] != "app.handle main.go:12" || *s.ObjectsPerOperation != 1 || *s.BytesPerOperation != 1024 {
		t.Errorf("%+v", s)
	}
	// What lives on is in both with the same samples, and adds no error of its own.
	if res := run(t, 1000, content("a", goHeap(t, 200_000, 3)), content("b", goHeap(t, 201_000, 3))); res.Verdict != heap.Grows {
		t.Errorf("1,000 objects beside 200,000: %s: %+v", res.Verdict, res.Sites)
	}
	if res := run(t, 2000, content("a", goHeap(t, 100, 3)), content("b", goHeap(t, 130, 3))); res.Verdict != heap.Steady {
		t.Errorf("a growth of 30 KiB with a sample each 4 KiB: %s", res.Headline)
	}
	if res := run(t, 0, content("a", goHeap(t, 100, 3))); len(res.Sites) != 2 || res.B.Bytes != 100<<10+3<<20 {
		t.Errorf("%+v", res)
	}
}

// v8Profile is a sampling heap profile with one function that holds bytes.
func v8Profile(bytes, samples string) []byte {
	return []byte(`{"head":{"callFrame":{"functionName":"(root)"},"selfSize":0,"children":[
		{"callFrame":{"functionName":"handle","url":"file:///srv/app.js","lineNumber":9},"selfSize":0,"children":[
		{"callFrame":{"functionName":"remember","url":"file:///srv/store.js","lineNumber":41},"selfSize":` + bytes + `,"children":[]}]}]},"samples":[` + samples + `]}`)
}

func TestV8Profiles(t *testing.T) {
	t.Parallel()
	samples := strings.TrimSuffix(strings.Repeat("{},", 128), ",")
	res := run(t, 1000, content("a.heapprofile", v8Profile("8192", "{}")), content("b.heapprofile", v8Profile("1048576", samples)))
	if res.Verdict != heap.Grows || res.Sites[0].Name != "remember /srv/store.js:42" || res.Sites[0].Callers[0] != "handle /srv/app.js:10" {
		t.Errorf("%s: %+v", res.Headline, res.Sites)
	}
	if !strings.Contains(res.Headline, "per operation stay, allocated in remember /srv/store.js:42, called by handle") {
		t.Errorf("the headline is %q", res.Headline)
	}
}

// Memory that Node.js allocates counts for the line of the program that called it, and
// all stacks that end at one line are one site.
func TestOwnCode(t *testing.T) {
	t.Parallel()
	leaf := func(name, url string, size int) string {
		return fmt.Sprintf(`{"callFrame":{"functionName":%q,"url":%q,"lineNumber":1},"selfSize":%d,"children":[]}`, name, url, size)
	}
	own := `{"callFrame":{"functionName":"send","url":"file:///srv/send.js","lineNumber":9},"selfSize":0,"children":[` +
		leaf("ReadableStream", "node:internal/webstreams", 300<<10) + "," + leaf("Map", "", 700<<10) + `]}`
	profile := `{"head":{"callFrame":{"functionName":"(root)"},"selfSize":0,"children":[` + own + "," + leaf("idle", "node:internal/timers", 10) +
		`]},"samples":[{}` + strings.Repeat(",{}", 1000) + `]}`
	res := run(t, 1000, content("a.heapprofile", v8Profile("1", "{}")), content("b.heapprofile", []byte(profile)))
	if len(res.Sites) != 2 || res.Sites[0].Name != "send /srv/send.js:10" || res.Sites[0].Bytes != 1000<<10 || !res.Sites[0].Judged {
		t.Errorf("%+v", res.Sites)
	}
}

// Documents of tracemalloc are compared by line; those that lie are refused.
func TestTracemalloc(t *testing.T) {
	t.Parallel()
	doc := func(bytes, blocks int) []byte {
		return fmt.Appendf(nil, `{"tracemalloc": 1, "traces": [{"stack": ["main.py:1", "store.py:7"], "bytes": %d, "blocks": %d}, {"stack": ["main.py:1"], "bytes": 900, "blocks": 3}]}`, bytes, blocks)
	}
	res := run(t, 100, content("a", doc(1000, 10)), content("b", doc(21000, 210)))
	if want := "2.0 objects (200 B) per operation stay, allocated in store.py:7, called by main.py:1"; res.Headline != want {
		t.Errorf("%q, want %q", res.Headline, want)
	}
	for _, bad := range []string{
		`{"tracemalloc": 1}`, `{"tracemalloc": 1, "traces": [{"stack": [], "bytes": 1}]}`, `{"tracemalloc": 1, "traces": [{"stack": ["a"], "bytes": -1}]}`,
		`{"tracemalloc": 1, "traces": [{"stack": ["a"], "bytes": 9223372036854775807}, {"stack": ["b"], "bytes": 1}]}`, `{"tracemalloc": 1, "traces": 7}`,
	} {
		if _, err := heap.Run([]heap.Source{content("bad", []byte(bad))}, heap.Options{}); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

// The holders in a long list of objects, or of arrays within arrays, are found in seconds:
// the way to the root is not followed from each of them.
func TestLongChains(t *testing.T) {
	t.Parallel()
	const n = 60_000
	for kind, want := range map[string]string{"1": "1.0 objects (16 B) per operation stay in Store.store (Store), 59,999 of them", "2": "1.0 objects (16 B) per operation stay in (array)"} {
		a, b := heaptest.Chains(n, kind)
		res := run(t, n, content("a", a), content("b", b))
		if res.Headline != want {
			t.Errorf("%q, want %q", res.Headline, want)
		}
		if freed := res.Holders[0].Retained; freed > res.B.Bytes { // holders within others count once
			t.Errorf("%d bytes of a heap of %d would be freed", freed, res.B.Bytes)
		}
	}
}

// entries is a snapshot of a Store that holds n entries of a size.
func entries(n, size int) []byte {
	nodes, edges := fmt.Sprintf("0,0,1,0,1,1,1,3,40,%d", n), "0,3,5"
	for i := range n {
		nodes += fmt.Sprintf(",1,2,%d,%d,0", 5+2*i, size)
		edges += fmt.Sprintf(",0,4,%d", 5*(i+2))
	}
	return fmt.Appendf(nil, `{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["synthetic","object"]],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["property"]]}},
"nodes":[%s],"edges":[%s],"strings":["","Store","Entry","store","entries"]}`, nodes, edges)
}

// Of more holders than there is time to find paths of, the others are still counted.
func TestHoldersWithoutPath(t *testing.T) {
	t.Parallel()
	const n = 210_000
	before, after := heaptest.Star(n)
	res := run(t, n, content("a", before), content("b", after))
	if want := "0.5 objects (8 B) per operation stay in Entry, 110,000 of them"; res.Headline != want {
		t.Errorf("%s: %q, want %q", res.Verdict, res.Headline, want)
	}
}

// A leak of something rarer than the operations is not called steady.
func TestRareLeak(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]finding.Verdict{100_000: heap.Measured, 100: heap.Steady} {
		res := run(t, 1000, content("a", entries(0, 0)), content("b", entries(100, size)))
		if res.Verdict != want || res.Report().Outcome != finding.Clean || want == heap.Measured && !strings.Contains(strings.Join(res.Warnings, ""), "--ops") {
			t.Errorf("100 entries of %d bytes in 1000 operations: %s, %s, %q", size, res.Verdict, res.Headline, res.Warnings)
		}
	}
}

// Lines that were sampled beside snapshots do not contradict the verdict on these: a JUnit
// report with a failure would stand beside the exit code 0.
func TestSampledLinesDoNotDecide(t *testing.T) {
	t.Parallel()
	samples := strings.TrimSuffix(strings.Repeat("{},", 128), ",")
	for n, want := range map[int]int{10: 0, 1000: 2} {
		res := run(t, 1000, content("a", entries(0, 0)), content("b", entries(n, 100)), content("p", v8Profile("1048576", samples)))
		if got := len(res.Report().Findings); got != want || !strings.Contains(res.Headline, "store.js:42") {
			t.Errorf("%s: %s: %d findings, want %d", res.Verdict, res.Headline, got, want)
		}
	}
}

// An array that takes the place of a smaller one is growth of its class.
func TestLargerArray(t *testing.T) {
	t.Parallel()
	res := run(t, 1000, content("a", entries(1, 1000)), content("b", entries(1, 90_000)))
	var b strings.Builder
	if err := res.Text(&b, false); err != nil || !strings.Contains(b.String(), "0.00      89 B       +0  +87 KB  Entry") {
		t.Errorf("%v\n%s", err, b.String())
	}
	if want := "the heap grew by 87 KB, and no holder keeps an object per two operations"; res.Headline != want {
		t.Errorf("%q, want %q", res.Headline, want)
	}
}

// A string that grows in a variable of a module is named by the variable.
func TestVariable(t *testing.T) {
	t.Parallel()
	scope := func(n int, root [3]string) []byte { // its kind, its name, and its edge to the scope
		nodes, edges := "0,0,1,0,1,1,1,3,40,2,1,4,5,8,0", root[2]+",5,1,3,10,1,2,15"
		for i := range n {
			nodes += fmt.Sprintf(",2,4,%d,20,%d", 7+2*(n-1-i), min(1, n-1-i)) // the whole string is newer than its beginning
			if i > 0 {
				edges += fmt.Sprintf(",0,0,%d", 5*(i+3))
			}
		}
		return fmt.Appendf(nil, `{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["%s","object","concatenated string"]],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["internal","context","element"]]}},
"nodes":[%s],"edges":[%s],"strings":["%s","system / Context","buffer","first","x"]}`, root[0], nodes, edges, root[1])
	}
	for _, root := range [][3]string{{"synthetic", "", "0,3"}, {"native", "Node / CleanupQueue", "2,7"}} {
		res := run(t, 100, content("a", scope(1, root)), content("b", scope(100, root)))
		if want := "1.0 objects (20 B) per operation stay in buffer (system / Context)"; res.Headline != want {
			t.Errorf("%q: %s: %q, want %q", root, res.Verdict, res.Headline, want)
		}
	}
}

// Few large objects are not "0.0 objects".
func TestFewLargeObjects(t *testing.T) {
	t.Parallel()
	samples := strings.TrimSuffix(strings.Repeat("{},", 128), ",")
	if res := run(t, 0, content("a", v8Profile("1", "{}")), content("b", v8Profile("1048576", samples))); !strings.HasPrefix(res.Headline, "the heap grew by 1024 KB: 1024 KB stay, allocated in remember") {
		t.Errorf("%q", res.Headline)
	}
	res := run(t, 1000, content("a", goHeap(t, 100, 3)), content("b", goHeap(t, 100, 23)))
	if want := "20 KB per operation stay, allocated in app.newBuffer main.go:40, called by app.handle main.go:12"; res.Headline != want {
		t.Errorf("%q, want %q", res.Headline, want)
	}
}

// A program is still Java after an upgrade has deleted it.
func TestReplacedJVM(t *testing.T) {
	t.Parallel()
	for exe, want := range map[string]bool{"/usr/bin/java": true, "/jdk/bin/java (deleted)": true, `javaw.exe`: true, "/usr/bin/javac": false} {
		if heap.IsJVM(&process.Info{Exe: exe}) != want {
			t.Errorf("%s is java: %v", exe, !want)
		}
	}
}

func FuzzTracemalloc(f *testing.F) {
	f.Add([]byte(`{"tracemalloc": 1, "traces": [{"stack": ["a.py:1"], "bytes": 5, "blocks": 1}]}`))
	f.Add([]byte(`{"tracemalloc": 1, "traces": [{"stack": ["a.py:1", "b.py:2"], "bytes": 9223372036854775807, "blocks": 1}]}`))
	fuzzFile(f, ".tracemalloc.json", "document of tracemalloc")
}

func FuzzHeapProfile(f *testing.F) {
	f.Add(v8Profile("8192", "{}"))
	f.Add(v8Profile("1e300", ""))
	fuzzFile(f, ".heapprofile", ".heapprofile")
}

func FuzzPprof(f *testing.F) {
	data := goHeap(f, 100, 3)
	f.Add(data)
	plain, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		f.Fatal(err)
	}
	if data, err = io.ReadAll(plain); err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	fuzzFile(f, ".pb", "heap profile")
}

func FuzzSnapshot(f *testing.F) {
	f.Add([]byte(`{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["synthetic","object"]],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["property"]]}},"nodes":[0,0,1,0,1,1,0,3,9,0],"edges":[0,1,5],"strings":["","x"]}`))
	fuzzFile(f, ".heapsnapshot", "snapshot")
}
