package read_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
)

// nodeProfile runs a program under a profiling flag of Node.js and returns the file.
func nodeProfile(t *testing.T, flag, ending string) []byte {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs Node.js")
	}
	dir := t.TempDir()
	const program = `const keep = []; function work(n) { let s = 0; for (let i = 0; i < n; i++) s += JSON.stringify({i, a: [i]}).length; return s }
function handle() { for (let i = 0; i < 40; i++) { work(2000); keep.push(new Array(1000).fill(i)) } } handle(); globalThis.x = keep`
	cmd := exec.CommandContext(t.Context(), node, flag, "-e", program)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("%s: %v %s", flag, err, out)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"+ending))
	if len(files) != 1 {
		t.Fatalf("node wrote %q", files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestNodeCPUProfile compares the total with the time after the first sample.
func TestNodeCPUProfile(t *testing.T) {
	t.Parallel()
	data := nodeProfile(t, "--cpu-prof", ".cpuprofile")
	var src struct {
		StartTime, EndTime float64
		TimeDeltas         []float64
	}
	if err := json.Unmarshal(data, &src); err != nil {
		t.Fatal(err)
	}
	p, err := open(data, read.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := (src.EndTime - src.StartTime - src.TimeDeltas[0]) / 1e3
	if got := p.Weight(); math.Abs(got-want) > 0.02*want || p.Unit != stacks.Millis {
		t.Errorf("read %g %s, the time after the first sample is %g ms", got, p.Unit, want)
	}
	if !strings.Contains(folded(t, p), "handle;work") {
		t.Errorf("handle does not call work in\n%s", folded(t, p))
	}
}

// TestNodeHeapProfile compares the total with a plain sum of selfSize.
func TestNodeHeapProfile(t *testing.T) {
	t.Parallel()
	data := nodeProfile(t, "--heap-prof", ".heapprofile")
	want := 0.0
	for _, m := range regexp.MustCompile(`"selfSize":(\d+)`).FindAllSubmatch(data, -1) {
		v, _ := strconv.ParseFloat(string(m[1]), 64)
		want += v
	}
	p, err := open(data, read.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Weight(); got != want || p.Unit != stacks.Bytes {
		t.Errorf("read %g %s, the sizes add up to %g bytes", got, p.Unit, want)
	}
}

// TestGoProfilesAsGoToolPprof compares totals with those of go tool pprof. The text
// of debug=1 and debug=2 must agree with the binary profile.
func TestGoProfilesAsGoToolPprof(t *testing.T) {
	processtest.NeedsThorough(t)
	keep := make([][]byte, 0, 2000)
	for range 2000 {
		keep = append(keep, make([]byte, 10_000))
	}
	for _, name := range []string{"goroutine", "heap", "allocs", "threadcreate"} {
		var binary, text bytes.Buffer
		if err := pprof.Lookup(name).WriteTo(&binary, 0); err != nil {
			t.Fatal(err)
		}
		if err := pprof.Lookup(name).WriteTo(&text, 1); err != nil {
			t.Fatal(err)
		}
		p, err := open(binary.Bytes(), read.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := toolTotal(t, binary.Bytes()); math.Abs(p.Weight()-want) > 0.01*want {
			t.Errorf("%s: read %g %s, go tool pprof %g", name, p.Weight(), p.Unit, want)
		}
		fromText, err := open(text.Bytes(), read.Options{})
		if err != nil {
			t.Errorf("%s as text: %v", name, err)
			continue
		}
		if name == "goroutine" && (fromText.Weight() != p.Weight() || !strings.Contains(folded(t, fromText), "testing.tRunner;")) {
			t.Errorf("goroutine as text: %g, want %g, in\n%s", fromText.Weight(), p.Weight(), folded(t, fromText))
		}
		if want := toolTotal(t, text.Bytes()); math.Abs(fromText.Weight()-want) > 0.01*want {
			t.Errorf("%s as text: read %g %s, go tool pprof %g", name, fromText.Weight(), fromText.Unit, want)
		}
	}
	var dump bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&dump, 2); err != nil {
		t.Fatal(err)
	}
	p, err := open(dump.Bytes(), read.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := float64(strings.Count("\n"+dump.String(), "\ngoroutine ")); p.Weight() != want {
		t.Errorf("debug=2: %g goroutines, the text has %g", p.Weight(), want)
	}
	_ = keep[len(keep)-1]
}

// toolTotal returns the total that go tool pprof reports.
func toolTotal(t *testing.T, data []byte) float64 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "profile")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "tool", "pprof", "-top", "-unit=bytes", "-symbolize=none", file).CombinedOutput()
	if err != nil {
		t.Skipf("go tool pprof: %v %s", err, out)
	}
	m := regexp.MustCompile(`of ([\d.]+)(?:B|bytes)? total`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("go tool pprof prints no total:\n%s", out)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestPerfScript records a program with perf and compares the samples of each pair of
// process and innermost function with those that an awk script counts.
func TestPerfScript(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	perf, err := exec.LookPath("perf")
	if err != nil {
		t.Skip("needs perf, of Debian's linux-perf")
	}
	for _, deep := range []bool{true, false} {
		record := []string{"record", "-q", "-e", "cpu-clock", "-o", filepath.Join(t.TempDir(), "perf.data")}
		file := record[len(record)-1]
		if deep {
			record = append(record, "-g")
		}
		record = append(record, "--", "sh", "-c", "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done")
		if out, err := exec.CommandContext(t.Context(), perf, record...).CombinedOutput(); err != nil {
			t.Skipf("perf record: %v %s", err, out)
		}
		text, err := exec.CommandContext(t.Context(), perf, "script", "-i", file).Output()
		if err != nil || len(text) == 0 {
			t.Skipf("perf script: %v, %d bytes", err, len(text))
		}
		p, err := open(text, read.Options{})
		if err != nil {
			t.Fatalf("-g %t: %v\n%.400s", deep, err, text)
		}
		want := countPerf(t, text, deep)
		got := map[string]float64{}
		for i := 1; i < len(p.Nodes); i++ {
			if path := p.Path(int32(i)); p.Nodes[i].Self > 0 {
				got[path[0]+" "+path[len(path)-1]] += p.Nodes[i].Self
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("-g %t (-awk +read): %s", deep, diff)
		}
	}
}

// countPerf counts the samples of a perf script by process and innermost function.
func countPerf(t *testing.T, text []byte, deep bool) map[string]float64 {
	t.Helper()
	// With -g the frames follow the line of the sample, the innermost first.
	program := `function fn(from,  s, k) { s = $from; for (k = from + 1; k < NF; k++) s = s " " $k; sub(/\+0x[0-9a-f]+$/, "", s); return s }
/cpu-clock:/ { comm = $1; if (!deep) { for (i = 1; $i !~ /^cpu-clock:/; i++); n[comm " " fn(i + 2)]++ } open = 1; next }
deep && open && NF > 1 { n[comm " " fn(2)]++; open = 0 }
END { for (k in n) print n[k], k }`
	flag := "0"
	if deep {
		flag = "1"
	}
	cmd := exec.CommandContext(t.Context(), "awk", "-v", "deep="+flag, program)
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("awk: %v", err)
	}
	counts := map[string]float64{}
	for line := range strings.Lines(string(out)) {
		count, key, _ := strings.Cut(strings.TrimSpace(line), " ")
		counts[key], _ = strconv.ParseFloat(count, 64)
	}
	return counts
}

// TestFirefoxProfile records the start of Firefox and compares the total with the
// number of samples that have a stack, counted over all threads and processes.
func TestFirefoxProfile(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	firefox, err := exec.LookPath("firefox-esr")
	if err != nil {
		t.Skip("needs firefox-esr of Debian")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "profile.json")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, firefox, "--headless", "--no-remote", "--profile", t.TempDir(), "--screenshot", filepath.Join(dir, "x.png"), "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+dir, "MOZ_PROFILER_STARTUP=1", "MOZ_PROFILER_SHUTDOWN="+file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("Firefox: %v %.300s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("Firefox wrote no profile: %v", err)
	}
	p, err := open(data, read.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := firefoxSamples(t, data); p.Weight() != want || want == 0 || p.Format != read.Gecko {
		t.Errorf("read %g %s, the threads have %g samples with a stack", p.Weight(), p.Unit, want)
	}
	if !strings.Contains(folded(t, p), "XREMain::XRE_main") {
		t.Errorf("the main function is missing in %.1000s", folded(t, p))
	}
}

func firefoxSamples(t *testing.T, data []byte) (n float64) {
	t.Helper()
	type process struct {
		Threads []struct {
			Samples struct {
				Schema struct{ Stack int }
				Data   [][]any
			}
		}
		Processes []json.RawMessage
	}
	var p process
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	for _, thread := range p.Threads {
		for _, row := range thread.Samples.Data {
			if at := thread.Samples.Schema.Stack; at < len(row) && row[at] != nil {
				n++
			}
		}
	}
	for _, other := range p.Processes {
		n += firefoxSamples(t, other)
	}
	return n
}
