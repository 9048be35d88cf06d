package live

import (
	"bufio"
	"context"
	"errors"
	"math"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// program is a running program that answers each line that it reads.
type program struct {
	t     *testing.T
	id    process.ID
	in    interface{ Write(p []byte) (int, error) }
	lines *bufio.Scanner
}

// start starts a program that prints a line when it is ready. It skips the test where
// the program is not installed.
func start(t *testing.T, env []string, name string, args ...string) *program {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil || runtime.GOOS != "linux" {
		t.Skipf("%s is not installed, or this is not Linux", name)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	p := &program{t: t, in: in, lines: bufio.NewScanner(out)}
	p.reads()
	info, err := process.Lookup(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	p.id = info.ID
	return p
}

func (p *program) reads() string {
	p.t.Helper()
	if !p.lines.Scan() {
		p.t.Fatal("the program ended")
	}
	return p.lines.Text()
}

// asks sends a line and returns the answer.
func (p *program) asks(line string) string {
	p.t.Helper()
	if _, err := p.in.Write([]byte(line + "\n")); err != nil {
		p.t.Fatal(err)
	}
	return p.reads()
}

func read(t *testing.T, h *Heap) float64 {
	t.Helper()
	bytes, err := h.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return float64(bytes)
}

const keeper = `const kept = [];
require('readline').createInterface({input: process.stdin}).on('line', (line) => {
  for (let i = 0; i < Number(line); i++) kept.push({a: i, b: i + 0.5});
  for (let i = 0; i < 1e5; i++) ({a: i}); // garbage
  console.log('ok');
});
console.log('ready');`

// The live heap of Node grows by the objects kept, garbage is not part of it, the
// inspector is closed afterwards, and the process answers as before.
func TestNode(t *testing.T) {
	t.Parallel()
	p := start(t, Environment(nil, nil), "node", "-e", keeper)
	h := Open(t.Context(), []process.ID{p.id}, Config{Inspect: true})
	if !h.Known() || h.Partial() {
		t.Fatalf("missing %q, doubts %q", h.Missing(), h.Doubts)
	}
	p.asks("1000") // code is compiled
	before := read(t, h)
	p.asks("20000")
	if grew := read(t, h) - before; grew < 20_000*24 || grew > 20_000*120 {
		t.Errorf("20,000 objects take %.0f bytes", grew)
	}
	before = read(t, h)
	grew := math.Inf(1)
	for n := 0; n < 5 && math.Abs(grew) > 100_000; n++ { // code that is compiled meanwhile counts once
		from := read(t, h)
		p.asks("0")
		grew = read(t, h) - from
	}
	if math.Abs(grew) > 100_000 || read(t, h)-before > 1_000_000 {
		t.Errorf("garbage counts %.0f bytes", grew)
	}
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(h.Describe())
	if conn, err := net.Dial("tcp", address); err != nil {
		t.Errorf("the inspector is not at %q: %v", address, err)
	} else {
		_ = conn.Close()
	}
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Errorf("the inspector still listens on %s", address)
	}
	if got := p.asks("1"); got != "ok" {
		t.Errorf("the process answers %q", got)
	}
}

// A child that comes later belongs to the live heap, and one that has ended is no error.
func TestFollow(t *testing.T) {
	t.Parallel()
	root, child := start(t, Environment(nil, nil), "node", "-e", keeper), start(t, Environment(nil, nil), "node", "-e", keeper)
	h := Open(t.Context(), []process.ID{root.id}, Config{Inspect: true})
	alone := read(t, h)
	h.Follow(t.Context(), []process.ID{root.id, child.id})
	if h.Partial() {
		t.Fatalf("missing %q, doubts %q", h.Missing(), h.Doubts)
	}
	if both := read(t, h); both < 1.5*alone {
		t.Errorf("one process holds %.0f bytes, and with its child %.0f", alone, both)
	}
	if err := process.Signal(child.id, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	for child.lines.Scan() { // to the end of its output
	}
	late := Open(t.Context(), nil, Config{Inspect: true})
	late.most = 0
	if late.Follow(t.Context(), []process.ID{root.id}); late.Known() || !late.Partial() {
		t.Errorf("beyond the bound a process is opened: %q", late.Describe())
	}
	if after := read(t, h); after > 1.2*alone || !h.Known() || h.Partial() {
		t.Errorf("one process holds %.0f bytes, and after the end of its child %.0f", alone, after)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A process that only waits for the server, such as a launcher, does not hide its live heap. It does
// if it grows.
func TestLauncher(t *testing.T) {
	t.Parallel()
	server := start(t, Environment(nil, nil), "node", "-e", keeper)
	launcher := start(t, nil, "python3", "-c", "import sys\nprint('ready', flush=True)\nkept = [b'.' * 20_000_000]\nfor line in sys.stdin:\n    kept.append(b'.' * int(line))\n    print('ok', flush=True)")
	launcher.asks("1")
	h := Open(t.Context(), []process.ID{launcher.id, server.id}, Config{Inspect: true})
	if h.Partial() || !h.Known() {
		t.Errorf("missing %q, doubts %q", h.Missing(), h.Doubts)
	}
	launcher.asks("4000000")
	if missing := h.Missing(); len(missing) != 1 || !strings.Contains(missing[0], "python") {
		t.Errorf("missing %q after a growth of 4 MB", missing)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// The page of pprof belongs to the process that listens there, not to a launcher in Go.
func TestServing(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	other := start(t, nil, "sh", "-c", "echo ready; read line")
	self, err := process.Lookup(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	members := []process.ID{other.id, self.ID}
	if got := serving(members, l.Addr().(*net.TCPAddr).Port); got[0] != self.ID || got[1] != other.id {
		t.Errorf("%v of %v", got, members)
	}
	if got := serving(members, 1); got[0] != other.id {
		t.Errorf("without one that listens: %v of %v", got, members)
	}
}

// That pages which the user named cannot be read is said, and of others not.
func TestPagesThatAreAsked(t *testing.T) {
	t.Parallel()
	self, err := process.Lookup(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(context.Context, string, url.Values) ([]byte, error) {
		return nil, errors.New("connection refused")
	}
	shell := start(t, nil, "sh", "-c", "echo ready; read line")
	for _, c := range []struct {
		id    process.ID
		asked bool
		want  string
	}{{self.ID, true, "connection refused"}, {self.ID, false, ""}, {shell.id, true, "no process of the server is a program of Go"}, {shell.id, false, ""}} {
		h := Open(t.Context(), []process.ID{c.id}, Config{Pprof: refuse, Asked: c.asked})
		if got := strings.Join(h.Doubts, "; "); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// The hook of Python counts the blocks kept, names their line, and lets the sitecustomize that
// it hides run.
func TestPython(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	hook, err := NewHook()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hook.Remove() })
	hidden := t.TempDir()
	if err := os.WriteFile(filepath.Join(hidden, "sitecustomize.py"), []byte("import sys\nsys.hidden_was_run = True\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(hidden, "keeper.py")
	if err := os.WriteFile(script, []byte("import sys\nprint('ready', flush=True)\nkept = []\nfor line in sys.stdin:\n    for i in range(int(line)):\n        kept.append(bytearray(100))\n    print(sys.hidden_was_run, flush=True)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := Environment(nil, hook)
	for i, v := range env {
		if strings.HasPrefix(v, "PYTHONPATH=") {
			env[i] = v + ":" + hidden
		}
	}
	p := start(t, env, "python3", script)
	h := Open(t.Context(), []process.ID{p.id}, Config{Hook: hook})
	if !h.Known() || h.Partial() {
		t.Fatalf("missing %q, doubts %q", h.Missing(), h.Doubts)
	}
	before := read(t, h)
	if got := p.asks("10000"); got != "True" {
		t.Errorf("the hidden sitecustomize did not run: %q", got)
	}
	if grew := read(t, h) - before; grew < 1_000_000 || grew > 2_500_000 {
		t.Errorf("10,000 blocks of 100 bytes take %.0f bytes", grew)
	}
	e, err := h.Explain(t.Context(), Around{Load: func(context.Context) (int, error) { p.asks("1000"); return 1000, nil }, Note: func(string, ...any) {}})
	if err != nil {
		t.Fatal(err)
	}
	if kept := e.Kept(); !strings.Contains(kept, "keeper.py:6") {
		t.Errorf("the line is not named: %q", kept)
	}
}

const javaKeeper = `import java.util.*;
public class Keeper {
  static class Entry { final byte[] data = new byte[100]; }
  static final List<Entry> kept = new ArrayList<>();
  public static void main(String[] args) {
    Scanner in = new Scanner(System.in);
    System.out.println("ready");
    while (in.hasNextInt()) {
      int n = in.nextInt();
      for (int i = 0; i < n; i++) kept.add(new Entry());
      for (int i = 0; i < 100000; i++) new Entry();
      System.out.println("ok");
    }
  }
}`

func startJava(t *testing.T) *program {
	t.Helper()
	processtest.NeedsThorough(t)
	if _, err := exec.LookPath("jcmd"); err != nil {
		t.Skip("jcmd is not installed: it comes with a JDK, such as openjdk-17-jdk-headless")
	}
	name := filepath.Join(t.TempDir(), "Keeper.java")
	if err := os.WriteFile(name, []byte(javaKeeper), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, Environment(nil, nil), "java", "-Xmx128m", name)
}

// While an answer takes long, the signals that come again do not begin it again.
func TestPythonIsAskedOnce(t *testing.T) {
	t.Parallel()
	hook, err := NewHook()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hook.Remove() })
	p := start(t, Environment(nil, hook), "python3", "-c", `import sys, time, tracemalloc
asked, traced = [], tracemalloc.get_traced_memory
def slow():
    asked.append(1)
    time.sleep(0.8)
    return traced()
tracemalloc.get_traced_memory = slow
print('ready', flush=True)
for line in sys.stdin:
    print(len(asked), flush=True)`)
	h := Open(t.Context(), []process.ID{p.id}, Config{Hook: hook})
	if !h.Known() {
		t.Fatalf("missing %q, doubts %q", h.Missing(), h.Doubts)
	}
	read(t, h)
	if got := p.asks("?"); got != "2" {
		t.Errorf("it answered %s times, want 2: when it was opened, and the reading", got)
	}
}

// The live heap of a JVM grows by the objects kept, garbage is not part of it, and the class
// is named.
func TestJVM(t *testing.T) {
	t.Parallel()
	p := startJava(t)
	h := Open(t.Context(), []process.ID{p.id}, Config{Inspect: true})
	if !h.Known() || h.Partial() {
		t.Fatalf("missing %q, doubts %q", h.Missing(), h.Doubts)
	}
	p.asks("1000") // code is compiled
	before := read(t, h)
	p.asks("10000")
	if grew := read(t, h) - before; grew < 10_000*120 || grew > 10_000*180 {
		t.Errorf("10,000 entries take %.0f bytes", grew)
	}
	before = read(t, h)
	p.asks("0")
	if grew := read(t, h) - before; grew > 100_000 || grew < -100_000 {
		t.Errorf("garbage counts %.0f bytes", grew)
	}
	e, err := h.Explain(t.Context(), Around{Load: func(context.Context) (int, error) { p.asks("1000"); return 1000, nil }, Note: func(string, ...any) {}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "1.0 objects (16 B) per operation of the class Keeper$Entry stay; most bytes are of byte[]: 1.0 objects (120 B) per operation"; e.Kept() != want {
		t.Errorf("%q, want %q", e.Kept(), want)
	}
}

// Without jcmd the live heap of a JVM is not known, and the doubt says what is missing; without leave
// it is not asked.
func TestJVMThatIsNotAsked(t *testing.T) {
	p := startJava(t)
	t.Setenv("PATH", t.TempDir())
	h := Open(t.Context(), []process.ID{p.id}, Config{Inspect: true})
	if h.Known() || !h.Partial() || !strings.Contains(strings.Join(h.Doubts, ""), "jcmd, which reads the heap of a JVM, is not on the PATH; it comes with a JDK") {
		t.Errorf("missing %q, doubts %q", h.Missing(), h.Doubts)
	}
	if h := Open(t.Context(), []process.ID{p.id}, Config{}); h.Known() || len(h.Doubts) > 0 {
		t.Errorf("without leave it is known: %v, doubts %q", h.Known(), h.Doubts)
	}
}

// A process without a known runtime is left alone, and SIGUSR1, which would end it, is not
// sent to it.
func TestOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "sh", "-c", "echo ready; while read line; do echo ok; done")
	h := Open(t.Context(), []process.ID{p.id}, Config{Inspect: true})
	if h.Known() || len(h.Doubts) > 0 {
		t.Errorf("known %v, doubts %q", h.Known(), h.Doubts)
	}
	if got := p.asks("1"); got != "ok" {
		t.Errorf("the process answers %q", got)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("NODE_OPTIONS", "--no-warnings")
	t.Setenv("GODEBUG", "")
	t.Setenv("JDK_JAVA_OPTIONS", "")
	const fine = " GODEBUG=memprofilerate=4096"
	const complete = " JDK_JAVA_OPTIONS=-XX:MarkSweepDeadRatio=0"
	for _, c := range []struct {
		env  []string
		want string
	}{
		{nil, "NODE_OPTIONS=--no-warnings --inspect-port=127.0.0.1:0" + fine + complete},
		{[]string{"A=b", "NODE_OPTIONS=--max-old-space-size=256"}, "A=b NODE_OPTIONS=--max-old-space-size=256 --inspect-port=127.0.0.1:0" + fine + complete},
		{[]string{"NODE_OPTIONS=--inspect=9230"}, "NODE_OPTIONS=--inspect=9230" + fine + complete},
		{[]string{"NODE_OPTIONS=--inspect=9230", "GODEBUG=madvdontneed=1"}, "NODE_OPTIONS=--inspect=9230 GODEBUG=madvdontneed=1,memprofilerate=4096" + complete},
	} {
		if got := strings.Join(Environment(c.env, nil), " "); got != c.want {
			t.Errorf("%q gives %q, want %q", c.env, got, c.want)
		}
	}
}

func TestParseLive(t *testing.T) {
	t.Parallel()
	page := "heap profile: 1: 2 [3: 4] @ heap/1048576\n# runtime.MemStats\n# Alloc = 7\n# HeapAlloc = 123456\n# HeapSys = 9\n# Stack = 1000 / 2000\n"
	if bytes, err := parseLive([]byte(page)); err != nil || bytes != 124456 {
		t.Errorf("%d, %v", bytes, err)
	}
	g := &goRuntime{get: func(context.Context, string, url.Values) ([]byte, error) { return []byte("<html>"), nil }}
	if _, err := g.live(t.Context()); err == nil {
		t.Error("a page of something else is taken for statistics of Go")
	}
}

func FuzzParseLive(f *testing.F) {
	f.Add([]byte("# HeapAlloc = 12\n# Stack = 1 / 2\n"))
	f.Add([]byte("# HeapAlloc = 99999999999999999999\n"))
	f.Fuzz(func(t *testing.T, page []byte) {
		if bytes, err := parseLive(page); err == nil && bytes < 0 {
			t.Errorf("%d bytes", bytes)
		}
	})
}

// TestPythonAnswerElsewhere: the answer of a server is a file in the folder of the hook, not
// one that the server links to.
func TestPythonAnswerElsewhere(t *testing.T) {
	t.Parallel()
	p := &python{hook: &Hook{t.TempDir()}, asked: 1}
	for name, put := range map[string]func(path string) error{
		"a file": func(path string) error { return os.WriteFile(path, []byte(`{"ask":1}`), 0o600) },
		"a link": func(path string) error {
			other := filepath.Join(t.TempDir(), "other")
			if err := os.WriteFile(other, []byte(`{"ask":1}`), 0o600); err != nil {
				return err
			}
			return os.Symlink(other, path)
		},
	} {
		if err := put(filepath.Join(p.hook.dir, name)); err != nil {
			t.Skip(err)
		}
		if _, err := p.answer(name); (err == nil) != (name == "a file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
