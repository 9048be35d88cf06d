package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// heapOf compares two heaps with "mcpdiag heap".
func heapOf(t *testing.T, a, b string, operations, code int) *heap.Result {
	t.Helper()
	o := invoke(t, "heap", a, b, "--ops", strconv.Itoa(operations), "--format", "json")
	var res heap.Result
	if err := json.Unmarshal([]byte(o.out), &res); err != nil || o.code != code {
		t.Fatalf("exit code %d, want %d: %v\n%s%s", o.code, code, err, o.out, o.err)
	}
	return &res
}

// same compares the figures per operation with a difference that another program found.
func same(t *testing.T, what string, got heap.Kept, objects, bytes float64, operations int) {
	t.Helper()
	n := float64(operations)
	if got.ObjectsPerOperation == nil || *got.ObjectsPerOperation != objects/n || *got.BytesPerOperation != bytes/n {
		t.Errorf("%s: %+v, want %g objects and %g bytes in %d operations", what, got, objects, bytes, operations)
	}
}

// programOutput runs a program and returns what it writes.
func programOutput(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(name + " is not installed")
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, complaint.String())
	}
	return string(out)
}

var keptForPeers [][]byte

//go:noinline
func keepForPeers(n int) {
	for range n {
		keptForPeers = append(keptForPeers, make([]byte, 100_000))
	}
}

// writeHeap stores the heap profile of this process.
func writeHeap(t *testing.T, path string) {
	t.Helper()
	runtime.GC()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := pprof.WriteHeapProfile(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// The figures of heap for a Go program are those of go tool pprof.
func TestHeapAsGoToolPprof(t *testing.T) {
	processtest.NeedsThorough(t)
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.pb.gz"), filepath.Join(dir, "b.pb.gz")
	keepForPeers(100)
	writeHeap(t, a)
	const operations = 500
	keepForPeers(operations)
	writeHeap(t, b)
	t.Cleanup(func() { keptForPeers = nil })
	res := heapOf(t, a, b, operations, exitFinding)
	if !strings.Contains(res.Headline, "keepForPeers heap_peers_test.go:") {
		t.Fatalf("the headline is %q", res.Headline)
	}
	line := regexp.MustCompile(`(?m)^\s*(\d+)B?\s.*keepForPeers .*heap_peers_test\.go`)
	figure := func(value string) float64 {
		top := programOutput(t, "go", "tool", "pprof", "-top", "-lines", "-unit=B", "-nodecount=1000", "-nodefraction=0", "-sample_index="+value, "-diff_base", a, b)
		m := line.FindStringSubmatch(top)
		if m == nil {
			t.Fatalf("the line is missing in\n%s", top)
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	same(t, res.Sites[0].Name, res.Sites[0].Kept, figure("inuse_objects"), figure("inuse_space"), operations)
}

// readNode adds up the objects of each class in two snapshots, and prints the differences.
const readNode = `
const sums = (file) => {
  const s = JSON.parse(require('fs').readFileSync(file)), m = s.snapshot.meta, f = m.node_fields, out = {};
  for (let i = 0; i < s.nodes.length; i += f.length) {
    const of = (name) => s.nodes[i + f.indexOf(name)];
    if (m.node_types[0][of('type')] !== 'object') continue;
    const o = (out[s.strings[of('name')]] ??= [0, 0]);
    o[0]++, (o[1] += of('self_size'));
  }
  return out;
};
const [a, b] = process.argv.slice(1).map(sums), diff = {};
for (const name in b) diff[name] = b[name].map((v, i) => v - (a[name] ?? [0, 0])[i]);
console.log(JSON.stringify(diff));
`

// The figures of heap for Node.js are those of a few lines that read the snapshots.
func TestHeapAsNode(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	dir := t.TempDir()
	programOutput(t, "node", "../../internal/heap/testdata/leak.js", "leak", dir)
	a, b := filepath.Join(dir, "a.heapsnapshot"), filepath.Join(dir, "b.heapsnapshot")
	var want map[string][2]float64
	if err := json.Unmarshal([]byte(programOutput(t, "node", "-e", readNode, a, b)), &want); err != nil {
		t.Fatal(err)
	}
	res, compared := heapOf(t, a, b, 1000, exitFinding), 0
	for _, c := range res.Classes {
		if sum, ok := want[c.Name]; ok {
			compared++
			same(t, c.Name, c.Kept, sum[0], sum[1], 1000)
		}
	}
	if compared < 3 || want["Session"][0] != 1000 {
		t.Errorf("%d classes were compared: %v", compared, want["Session"])
	}
}

// keepPython keeps a list for each of 500 operations, writes what lives before and after as
// a server under leaktest does, and prints the difference that tracemalloc finds.
const keepPython = `
import json, sys, tracemalloc
tracemalloc.start(10)
kept = []
def keep(n):
    kept.append([n] * 50)
def snapshot(path):
    s = tracemalloc.take_snapshot()
    sums = {}
    for t in s.traces:
        sums.setdefault(tuple("%s:%d" % (f.filename, f.lineno) for f in t.traceback), []).append(t.size)
    with open(path, "w") as f:
        json.dump({"tracemalloc": 1, "traces": [{"stack": k, "bytes": sum(v), "blocks": len(v)} for k, v in sums.items()]}, f)
    return s
for n in range(100): keep(n)
a = snapshot(sys.argv[1])
for n in range(500): keep(1000 + n)
b = snapshot(sys.argv[2])
top = [s for s in b.compare_to(a, "lineno") if s.traceback[0].lineno == 6][0]
print(top.count_diff, top.size_diff)
`

// The figures of heap for Python are those of tracemalloc.
func TestHeapAsTracemalloc(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	dir := t.TempDir()
	a, b, script := filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json"), filepath.Join(dir, "keep.py")
	if err := os.WriteFile(script, []byte(keepPython), 0o600); err != nil {
		t.Fatal(err)
	}
	var objects, bytes float64
	if _, err := fmt.Sscan(programOutput(t, "python3", script, a, b), &objects, &bytes); err != nil {
		t.Fatal(err)
	}
	res := heapOf(t, a, b, 500, exitFinding)
	if !strings.HasSuffix(res.Sites[0].Name, "keep.py:6") || objects < 1000 {
		t.Fatalf("%g objects, %s", objects, res.Headline)
	}
	same(t, res.Sites[0].Name, res.Sites[0].Kept, objects, bytes, 500)
}

// sumHistogram adds up the lines of a class.
func sumHistogram(t *testing.T, path, class string) (objects, bytes float64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) >= 4 && f[3] == class {
			n, errN := strconv.ParseFloat(f[1], 64)
			size, errSize := strconv.ParseFloat(f[2], 64)
			if errN != nil || errSize != nil {
				t.Fatalf("%s: %v, %v", line, errN, errSize)
			}
			objects, bytes = objects+n, bytes+size
		}
	}
	return objects, bytes
}

// callJava sends calls to the server of testdata, one after another.
func callJava(t *testing.T, url string, n int) {
	t.Helper()
	for id := range n {
		body := fmt.Sprintf(`{"jsonrpc": "2.0", "id": %d, "method": "tools/call"}`, id+1)
		for try := 0; ; try++ {
			answer, err := http.Post(url, "application/json", strings.NewReader(body)) //nolint:gosec // a server of the test
			if err == nil {
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				break
			}
			if try > 3000 {
				t.Fatal(err)
			}
			<-time.After(100 * time.Millisecond) // it starts
		}
	}
}

// The figures of heap for Java are the differences of the lines that jcmd writes; of a
// mended server no class is named.
func TestHeapAsJcmd(t *testing.T) {
	t.Parallel()
	ofJavaShapes(t, "list", testHistograms)
}

func testHistograms(t *testing.T, shape string, mended bool) {
	address := processtest.FreeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	args := []string{"-Xmx128m", javaServer, port, shape}
	if mended {
		args = append(args, "mended")
	}
	cmd := exec.CommandContext(t.Context(), "java", args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	dir, pid := t.TempDir(), strconv.Itoa(cmd.Process.Pid)
	a, b := filepath.Join(dir, "a.txt"), filepath.Join(dir, "b.txt")
	const operations = 400
	for _, path := range []string{a, b} {
		callJava(t, "http://"+address+"/mcp", operations)
		if err := os.WriteFile(path, []byte(programOutput(t, "jcmd", pid, "GC.class_histogram")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if mended {
		if res := heapOf(t, a, b, operations, exitOK); res.Verdict != heap.Steady || strings.Contains(res.Headline, "Server") {
			t.Errorf("%s", res.Headline)
		}
		return
	}
	res := heapOf(t, a, b, operations, exitFinding)
	if !strings.HasPrefix(res.Headline, "1.0 objects (24 B) per operation of the class Server$Entry stay") {
		t.Errorf("%s", res.Headline)
	}
	for i, class := range []string{"Server$Entry", "[D"} {
		wasN, was := sumHistogram(t, a, class)
		n, size := sumHistogram(t, b, class)
		c := res.Classes[0]
		for _, other := range res.Classes {
			if i == 1 && other.Name == "double[]" {
				c = other
			}
		}
		same(t, class, c.Kept, n-wasN, size-was, operations)
	}
}
