package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	netpprof "net/http/pprof"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// inspected is a process of Node.js that serves 100 requests for each line that it reads.
type inspected struct {
	pid   string
	in    io.Writer
	lines *bufio.Reader
}

func startInspected(t *testing.T, script string, args ...string) *inspected {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("node is not installed, or this is not Linux")
	}
	return startProgram(t, "", node, append([]string{"--inspect-port=127.0.0.1:0", script}, args...)...)
}

// startProgram starts a program in a folder.
func startProgram(t *testing.T, dir, name string, args ...string) *inspected {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
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
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s := &inspected{pid: strconv.Itoa(cmd.Process.Pid), in: in, lines: bufio.NewReader(out)}
	s.answers(t, "ready")
	return s
}

func (s *inspected) answers(t *testing.T, want string) {
	t.Helper()
	if line, err := s.lines.ReadString('\n'); err != nil || strings.TrimSpace(line) != want {
		t.Fatalf("the server says %q, %v, want %q", line, err, want)
	}
}

// loadWhenSampled sends requests as soon as the progress says that allocations are sampled.
type loadWhenSampled struct {
	server *inspected
	text   strings.Builder
	sent   bool
}

func (l *loadWhenSampled) Write(p []byte) (int, error) {
	l.text.Write(p)
	if !l.sent && strings.Contains(l.text.String(), "sampling allocations") {
		l.sent = true
		_, err := io.WriteString(l.server.in, strings.Repeat("\n", 10))
		return len(p), err
	}
	return len(p), nil
}

// A running server is compared with itself: the holder and the line are named, the
// inspector is closed again, and the server answers as before.
func TestHeapOfRunningNode(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	s := startInspected(t, "../../internal/heap/testdata/server.js")
	progress := &loadWhenSampled{server: s}
	var out strings.Builder
	args := []string{"heap", "--pid", s.pid, "--attach", "--interval", "2s", "--ops", "1000"}
	if code := run(t.Context(), args, strings.NewReader(""), &out, progress); code != exitFinding {
		t.Fatalf("exit code %d\n%s\n%s", code, out.String(), progress.text.String())
	}
	for _, want := range []string{`GROWS  \d\.\d objects \(\d+ B\) per operation stay in registry\.sessions \(Map\)`, `1,000 Session`, `(handle|Session) \S*server\.js:\d+`} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "secret") {
		t.Errorf("a content was printed:\n%s", out.String())
	}
	for i := range 10 {
		s.answers(t, fmt.Sprint(100*(i+1)))
	}
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(progress.text.String())
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Errorf("the inspector still listens on %s", address)
	}
	if _, err := io.WriteString(s.in, "\n"); err != nil {
		t.Fatal(err)
	}
	s.answers(t, "1100")
}

func TestHeapNeedsConsentAndNode(t *testing.T) {
	t.Parallel()
	sleep, err := exec.LookPath("sleep")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("there is no sleep, or this is not Linux")
	}
	cmd := exec.CommandContext(t.Context(), sleep, "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	invoke(t, "heap", "--pid", pid).wants(t, exitUsage, "needs --attach")
	invoke(t, "heap", "--pid", pid, "--attach").wants(t, exitFailure, "not node: SIGUSR1, which opens the inspector, could end it")
	if err := cmd.Process.Kill(); err != nil { // it had not ended
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process ended by itself: %v", err)
	}
	invoke(t, "heap", "--inspect", "192.0.2.1:9229").wants(t, exitFailure, "only an inspector on this machine")
}

// A Go server with net/http/pprof is compared with itself.
func TestHeapOfRunningGo(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/debug/pprof/heap" || r.URL.Query().Get("gc") != "1" {
			http.NotFound(w, r)
			return
		}
		netpprof.Handler("heap").ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	invoke(t, "heap", "--url", server.URL, "--interval", "10ms", "--format", "json").wants(t, exitOK, `"format": "pprof"`)
	invoke(t, "heap", "--url", server.URL+"/none", "--interval", "10ms").wants(t, exitFailure, "404")
}

// startLeak starts the server of testdata/leaks on sdk 1.32.2 and returns its address.
func startLeak(t *testing.T, args ...string) (url, pid string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("this is not Linux")
	}
	npmInstall(t, leaksDir)
	address := processtest.FreeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", append([]string{"--inspect-port=127.0.0.1:0", "sdk1.mjs", port}, args...)...)
	cmd.Dir = leaksDir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 400 {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return "http://" + address, strconv.Itoa(cmd.Process.Pid)
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Fatal("the server does not listen")
	return "", ""
}

// The leak of sdk 1.32.2 with JSON answers is named by its holder and its line while
// it is under load; with event streams, where it does not leak, neither is.
func TestHeapOfRealLeak(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	// The path begins at the transport's owner, or at a call that is in flight.
	const holder, line = "._streamMapping (Map)", "webStandardStreamableHttp.js:824"
	for _, c := range []struct {
		name  string
		args  []string
		leaks bool
	}{{"JSON answers", []string{"--json"}, true}, {"event streams", nil, false}} {
		t.Run(c.name, func(t *testing.T) {
			url, pid := startLeak(t, c.args...)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan int)
			go func() {
				done <- run(ctx, []string{"loadtest", url, "--users", "1", "--rate", "100", "--duration", "60s", "-q"}, strings.NewReader(""), io.Discard, io.Discard)
			}()
			o := invoke(t, "heap", "--pid", pid, "--attach", "--interval", "3s")
			cancel()
			<-done
			o.wants(t, exitOK, "MEASURED")
			headline, _, _ := strings.Cut(o.out, "\n")
			if got := strings.Contains(headline, holder) && strings.Contains(headline, line); got != c.leaks {
				t.Errorf("the headline is %q", headline)
			}
			if strings.Contains(o.out, holder) != c.leaks {
				t.Errorf("the holder is named: %v, want %v\n%s", !c.leaks, c.leaks, o.out)
			}
		})
	}
}
