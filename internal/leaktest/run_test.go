package leaktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/load"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// TestMain makes the test binary a server where a test starts it as one.
func TestMain(m *testing.M) {
	if process.IsWatchdog(os.Args) {
		os.Exit(launch.Watchdog())
	}
	if len(os.Args) > 3 && os.Args[1] == "serve" {
		serve(os.Args[2], os.Args[3])
		return
	}
	os.Exit(m.Run())
}

// serve is a server of a kind, over HTTP at addr or over standard streams.
func serve(kind, addr string) {
	s := newServer(0)
	streamable := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil)
	switch kind {
	case "stdio":
		_ = s.Run(context.Background(), &mcp.StdioTransport{})
	case "leaky-stdio":
		_ = newServer(64<<10).Run(context.Background(), &mcp.StdioTransport{})
	case "silent":
		fmt.Fprintln(os.Stderr, "fatal: no database")
		time.Sleep(time.Minute)
	case "failing":
		mcp.AddTool(s, &mcp.Tool{Name: "echo"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return nil, nil, errors.New("no such thing")
		})
		_ = http.ListenAndServe(addr, streamable)
	case "sse":
		_ = http.ListenAndServe(addr, mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return s }, nil))
	case "leaky-pprof":
		mux := http.NewServeMux()
		mux.Handle("/", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return newServer(4 << 10) }, nil))
		mux.Handle("/debug/pprof/heap", pprof.Handler("heap"))
		_ = http.ListenAndServe(addr, mux)
	case "waiting-pprof":
		mcp.AddTool(s, &mcp.Tool{Name: "echo"}, startWaiting)
		mux := http.NewServeMux()
		mux.Handle("/", streamable)
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		_ = http.ListenAndServe(addr, mux)
	case "dying":
		time.Sleep(silence + time.Second)
		fmt.Println("Error: DATABASE_URL is not set")
		os.Exit(1)
	case "late-http":
		time.Sleep(silence + time.Second)
		fallthrough
	case "chatty-http":
		fmt.Print(strings.Repeat("reading the settings\n", 20_000))
		fallthrough
	case "http":
		fmt.Println("listening")
		_ = http.ListenAndServe(addr, streamable)
	case "limited":
		_ = http.ListenAndServe(addr, limit(streamable))
	}
}

var kept [][]byte

// newServer has a tool that waits for most of its time, as one that asks a database.
func newServer(leak int) *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "echo"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		time.Sleep(20 * time.Millisecond)
		block := make([]byte, leak)
		for i := range block {
			block[i] = 1
		}
		kept = append(kept, block)
		return &mcp.CallToolResult{}, nil, nil
	})
	return s
}

// startWaiting leaves a goroutine that waits forever.
func startWaiting(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
	go func() { <-make(chan bool) }()
	return &mcp.CallToolResult{}, nil, nil
}

// limit answers 429 to every second request after the first 20.
func limit(next http.Handler) http.Handler {
	var n atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := n.Add(1); n > 20 && n%2 == 0 && r.Method == http.MethodPost {
			http.Error(w, "slow down", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// configOf starts the test binary as a server of a kind.
func configOf(t *testing.T, kind string) Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	addr := processtest.FreeAddress(t)
	c, err := client.New(client.Config{Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse("http://" + addr + "/")
	return Config{
		Command: []string{self, "serve", kind, addr}, URL: u, Client: c, Users: 4, Calls: 5, Fixed: true, Settle: 60 * time.Millisecond,
		MaxTime: time.Minute, Ready: 20 * time.Second, Folder: t.TempDir(), Stdio: strings.HasSuffix(kind, "stdio"),
	}
}

func TestStdio(t *testing.T) {
	t.Parallel()
	cfg := configOf(t, "leaky-stdio")
	cfg.Rounds, cfg.Factors = 20, []string{"call"}
	res, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := res.Phases[0]
	if res.Target.Transport != "stdio" || res.Target.Server != "test 1" || p.Failed != 0 || p.Operations == 0 {
		t.Errorf("%+v: %+v", res.Target, p)
	}
	if res.Verdict != trend.Leak || !res.Finding || p.Rate.Bytes < 50<<10 || p.Rate.Bytes > 150<<10 && !underRace {
		t.Errorf("%s; 64 KB are kept of each call, and the collector allows as much again", res.Sentence)
	}
	if _, err := process.Lookup(res.Target.PID); err == nil {
		t.Error("the server was left behind")
	}
}

// A command of which nobody said over what it speaks is spoken to over HTTP, or over its
// standard streams where nothing of it listens.
func TestGuess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, transport, said string }{
		"over its streams":             {kind: "stdio", transport: "stdio"},
		"over HTTP":                    {"http", "http", "listening"},
		"over HTTP, late":              {"late-http", "http", "listening"},
		"over HTTP, after much output": {"chatty-http", "http", "listening"},
		"the address is taken":         {kind: "stdio", transport: "stdio"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := configOf(t, c.kind)
			cfg.Guess, cfg.Stdio, cfg.Rounds, cfg.Factors = true, false, 1, []string{"call"}
			if name == "the address is taken" {
				other := httptest.NewServer(http.NotFoundHandler())
				defer other.Close()
				cfg.URL, _ = url.Parse(other.URL)
			}
			res, err := Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if p := res.Phases[0]; !strings.HasSuffix(res.Target.Transport, c.transport) || p.Failed > 0 || p.Operations == 0 {
				t.Errorf("%+v: %+v", res.Target, p)
			}
			logs, _ := filepath.Glob(filepath.Join(cfg.Folder, "server_*"))
			var output []byte
			if len(logs) == 1 {
				output, _ = os.ReadFile(logs[0])
			}
			if !strings.Contains(string(output), c.said) {
				t.Errorf("%q: no %q in %.200s", logs, c.said, output)
			}
		})
	}
}

// A server of 2024-11-05, HTTP+SSE, is loaded and judged; loads that need Streamable
// HTTP are named.
func TestSSE(t *testing.T) {
	t.Parallel()
	cfg := configOf(t, "sse")
	cfg.URL.Path = "/sse"
	cfg.Rounds, cfg.Factors = 2, []string{"everyday", "closed", "abandoned", "bad-method", "wrong-accept"}
	res, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if res.Target.Transport != "sse" || res.Target.Protocol != "2024-11-05" || len(res.Phases) != 4 {
		t.Fatalf("%+v, %d phases", res.Target, len(res.Phases))
	}
	for _, p := range res.Phases {
		if failed := p.Failed > 0; p.Operations == 0 || failed != p.MeantToFail {
			t.Errorf("%s: %d of %d operations failed: %v", p.ID, p.Failed, p.Operations, p.Errors)
		}
	}
	if want := "wrong-accept was not tried: it needs Streamable HTTP"; !slices.Contains(res.Warnings, want) {
		t.Errorf("warnings %q, want %q", res.Warnings, want)
	}
}

// The everyday load gives sessions and server/discover a fair share, and a round has
// a latency.
func TestEverydayShares(t *testing.T) {
	t.Parallel()
	cfg := configOf(t, "http")
	cfg.Fixed, cfg.Rounds, cfg.Factors, cfg.MaxTime = false, 1, []string{"everyday"}, 100*time.Millisecond
	early := ""
	state := ""
	cfg.Progress = func(p Progress) { state = p.State }
	cfg.Warn = func(text string) { early += state + ": " + text }
	res, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := res.Phases[0]
	if len(p.Shares) != 2 || p.Shares[0].Of < 0.2 || p.Shares[1].Of < 0.2 || p.Failed != 0 {
		t.Errorf("shares %+v, %d failed: %v", p.Shares, p.Failed, p.Errors)
	}
	if !strings.HasPrefix(early, "start: the run needs at least") {
		t.Errorf("that the time is too short is said late, or not: %q", early)
	}
	if l := p.Rounds[1].Latency; l == nil || l.P50 <= 0 || l.Max < l.P99 {
		t.Errorf("latency %+v", l)
	}
}

// runKilled runs cfg, and kills the server when it is time.
func runKilled(t *testing.T, cfg Config, now func(Progress) bool) *Result {
	t.Helper()
	pid := 0
	cfg.started = func(started int) { pid = started }
	cfg.Progress = func(p Progress) {
		if pid == 0 || !now(p) {
			return
		}
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
	res, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// howKilled returns the words for the end of a killed server. Windows does not tell it from others.
func howKilled() string {
	if runtime.GOOS == "windows" {
		return "exit status 1"
	}
	return "killed"
}

// A server that ends during the run is not cleared, and what was seen is saved.
func TestKilled(t *testing.T) {
	t.Parallel()
	cfg := configOf(t, "http")
	cfg.Rounds = 12
	res := runKilled(t, cfg, func(p Progress) bool { return p.Round == 3 })
	if res.Verdict != trend.Undecided || runtime.GOOS != "windows" && !strings.Contains(strings.Join(res.Warnings, "\n"), "out of memory") {
		t.Errorf("%s, warnings %q", res.Verdict, res.Warnings)
	}
	if !strings.HasPrefix(res.Sentence, "undecided: after 3 rounds the server ended during the run: "+howKilled()) || res.Ended == "" {
		t.Errorf("%s; %q", res.Sentence, res.Ended)
	}
	var junit, github strings.Builder
	if err := errors.Join(res.Report().JUnit(&junit), res.Report().GitHub(&github)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(junit.String(), `failures="1"`) || !strings.HasPrefix(github.String(), "::error ") {
		t.Errorf("a server that died passes:\n%s%s", junit.String(), github.String())
	}
	for _, name := range []string{VerdictFile, ReportFile, "rounds.csv", res.Files.Memory, res.Files.Server} {
		if info, err := os.Stat(filepath.Join(cfg.Folder, name)); err != nil || info.Size() == 0 && name != res.Files.Server {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server that dies of the warm-up has no reading of 0 MB.
func TestKilledInWarmUp(t *testing.T) {
	t.Parallel()
	res := runKilled(t, configOf(t, "http"), func(p Progress) bool { return p.State == "warm-up" })
	if len(res.Phases) != 0 || !strings.HasPrefix(res.Sentence, "undecided: the server ended during the run: "+howKilled()) || res.Ended == "" {
		t.Errorf("%d phases: %s; %q", len(res.Phases), res.Sentence, res.Ended)
	}
	var junit strings.Builder
	if err := res.Report().JUnit(&junit); err != nil || !strings.Contains(junit.String(), `failures="1"`) {
		t.Errorf("%v, a server that died passes:\n%s", err, junit.String())
	}
}

// A server that refuses the load looks flat and is not cleared.
func TestLimited(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	cfg := configOf(t, "limited")
	cfg.Rounds, cfg.Factors = 9, []string{"closed"}
	res, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if p := res.Phases[0]; res.Verdict == trend.NoLeak || p.Refused == 0 || p.Errors[load.Refused] == "" {
		t.Errorf("%s: %d refused, %v", res.Sentence, p.Refused, p.Errors)
	}
}

// A tool that fails all its calls clears nothing, and made-up arguments are named.
func TestFailingTool(t *testing.T) {
	t.Parallel()
	cfg := configOf(t, "failing")
	cfg.Rounds, cfg.Factors = 9, []string{"call"}
	res, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := res.Phases[0]
	if res.Verdict != trend.Undecided || p.Failed != p.Operations || !strings.Contains(p.Trend.Reasons[len(p.Trend.Reasons)-1].Text, "failed operations cannot show a leak") {
		t.Errorf("%s: %d of %d failed: %+v", res.Sentence, p.Failed, p.Operations, p.Trend.Reasons)
	}
	if warnings := strings.Join(res.Warnings, "\n"); !strings.Contains(warnings, "its arguments were made from its input schema; --args gives real ones") {
		t.Errorf("warnings %s", warnings)
	}
}

// The first Ctrl-C ends the run; the report is there.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	cfg := configOf(t, "http")
	cfg.Factors = []string{"call", "closed", "abandoned"}
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Progress = func(p Progress) {
		if p.Round == 2 {
			cancel()
		}
	}
	res, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !res.Interrupted || res.Verdict != trend.Undecided || len(res.Phases) != 1 || len(res.Phases[0].Rounds) < 3 {
		t.Errorf("%+v", res)
	}
	if warnings := strings.Join(res.Warnings, "\n"); !strings.Contains(warnings, "the run was interrupted\nnot tried: closed, abandoned") {
		t.Errorf("warnings %s", warnings)
	}
	back, err := Load(t.Context(), cfg.Folder)
	if err != nil || back.Sentence != res.Sentence {
		t.Errorf("%v: %+v", err, back)
	}
	if _, err := process.Lookup(res.Target.PID); err == nil {
		t.Error("the server was left behind")
	}
}

// A run that is cut off before anything was measured has failed.
func TestInterruptedInWarmUp(t *testing.T) {
	t.Parallel()
	cfg := configOf(t, "http")
	cfg.Fixed = false
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Progress = func(p Progress) {
		if p.State == "warm-up" {
			cancel()
		}
	}
	res, err := Run(ctx, cfg)
	if err == nil || err.Error() != "interrupted before anything was measured" || res == nil || res.Sentence != "undecided: nothing was measured" {
		t.Errorf("error %v, result %+v", err, res)
	}
}

// Without a server that starts there is no result.
func TestNotReady(t *testing.T) {
	t.Parallel()
	cfg := configOf(t, "http")
	cfg.Command = []string{"no-such-command-anywhere"}
	if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "command not found") {
		t.Errorf("error %v", err)
	}
	cfg.Command = nil
	cfg.Target.PID = 1 << 30
	if _, err := Run(t.Context(), cfg); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A long log is read at its end.
func TestEndOf(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(name, []byte("error: first\n"+strings.Repeat("x", 3*logEnd)+"\nerror: last\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data := endOf(name); len(data) != logEnd || !bytes.HasSuffix(data, []byte("error: last\n")) {
		t.Errorf("%d bytes, ending with %.20q", len(data), data[max(0, len(data)-20):])
	}
	if data := endOf(name + "s"); len(data) != 0 {
		t.Errorf("no file, and it is read as %q", data)
	}
}

// A command that does not come up: what it said, and no empty files.
func TestNeverReady(t *testing.T) {
	t.Parallel()
	const silent, dying = "it said: fatal: no database; its whole output is in ", "it said: Error: DATABASE_URL is not set; its whole output is in "
	for name, c := range map[string]struct {
		kind         string
		guess, taken bool
		want, said   string
	}{
		"HTTP":    {"silent", false, false, "within 5s: nothing listens there; {port} ", silent},
		"neither": {"silent", true, false, "within 5s: nothing listens there; nor over its standard streams: initialize: no answer to initialize in time; {port} ", silent},
		"ends":    {"dying", true, false, "the command ended before it spoke MCP: exit status 1", dying},
		"the address is taken": {"silent", true, true,
			"--pid; so it was spoken to over its standard streams: the command did not speak MCP over its standard streams within 5s: ", silent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := configOf(t, c.kind)
			cfg.Ready, cfg.Guess = 5*time.Second, c.guess
			if c.taken {
				other := httptest.NewServer(http.NotFoundHandler())
				defer other.Close()
				cfg.URL, _ = url.Parse(other.URL)
			}
			_, err := Run(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.said+cfg.Folder) {
				t.Errorf("error %v, want %s and %s", err, c.want, c.said)
			}
			left, _ := os.ReadDir(cfg.Folder)
			if len(left) != 1 || !strings.HasPrefix(left[0].Name(), "server_") {
				t.Errorf("left: %v", left)
			}
		})
	}
}
