package leaktest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// TestMain makes the test binary a server where a test starts it as one.
func TestMain(m *testing.M) {
	switch os.Getenv("LEAKTEST_SERVER") {
	case "stdio":
		_ = newServer(0).Run(context.Background(), &mcp.StdioTransport{})
	case "leaky-stdio":
		_ = newServer(64<<10).Run(context.Background(), &mcp.StdioTransport{})
	case "http", "limited":
		serveHTTP(os.Getenv("LEAKTEST_SERVER") == "limited")
	default:
		os.Exit(m.Run())
	}
}

var kept [][]byte

func newServer(leak int) *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "echo"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		block := make([]byte, leak)
		for i := range block {
			block[i] = 1
		}
		kept = append(kept, block)
		return &mcp.CallToolResult{}, nil, nil
	})
	return s
}

// serveHTTP serves at the address in the environment. A limited server answers 429 to every second request.
func serveHTTP(limited bool) {
	s := newServer(0)
	handler := http.Handler(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil))
	if limited {
		next, n := handler, 0
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n++; n > 20 && n%2 == 0 && r.Method == http.MethodPost {
				http.Error(w, "slow down", http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	_ = http.ListenAndServe(os.Getenv("LEAKTEST_ADDR"), handler)
}

// configOf starts the test binary as a server of a kind.
func configOf(t *testing.T, kind string) Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	t.Setenv("LEAKTEST_SERVER", kind)
	t.Setenv("LEAKTEST_ADDR", addr)
	c, err := client.New(client.Config{Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse("http://" + addr + "/")
	return Config{
		Command: []string{self}, URL: u, Client: c, Users: 4, Calls: 5, Fixed: true, Settle: 60 * time.Millisecond,
		MaxTime: time.Minute, Ready: 20 * time.Second, Folder: t.TempDir(), Stdio: strings.HasSuffix(kind, "stdio"),
	}
}

func TestStdio(t *testing.T) {
	cfg := configOf(t, "leaky-stdio")
	cfg.Rounds, cfg.Factors = 10, []string{"call"}
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

// A server that ends during the run is not cleared, and what was seen is saved.
func TestKilled(t *testing.T) {
	cfg := configOf(t, "http")
	pid := 0
	cfg.Rounds = 12
	cfg.Progress = func(p Progress) {
		if p.Round == 3 && pid != 0 {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
	}
	cfg.started = func(started int) { pid = started }
	res, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if res.Verdict != trend.Undecided || !strings.Contains(strings.Join(res.Warnings, "\n"), "out of memory") {
		t.Errorf("%s, warnings %q", res.Verdict, res.Warnings)
	}
	for _, name := range []string{VerdictFile, ReportFile, "rounds.csv", res.Files.Memory, res.Files.Server} {
		if info, err := os.Stat(filepath.Join(cfg.Folder, name)); err != nil || info.Size() == 0 && name != res.Files.Server {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server that refuses the load looks flat and is not cleared.
func TestLimited(t *testing.T) {
	cfg := configOf(t, "limited")
	cfg.Rounds, cfg.Factors = 9, []string{"closed"}
	res, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if p := res.Phases[0]; res.Verdict == trend.NoLeak || p.Refused == 0 || p.Errors[limited] == "" {
		t.Errorf("%s: %d refused, %v", res.Sentence, p.Refused, p.Errors)
	}
}

// The first Ctrl-C ends the run; the report is there.
func TestInterrupted(t *testing.T) {
	cfg := configOf(t, "http")
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
	back, err := Load(cfg.Folder)
	if err != nil || back.Sentence != res.Sentence {
		t.Errorf("%v: %+v", err, back)
	}
	if _, err := process.Lookup(res.Target.PID); err == nil {
		t.Error("the server was left behind")
	}
}

// Without a server that starts there is no result.
func TestNotReady(t *testing.T) {
	cfg := configOf(t, "http")
	cfg.Command = []string{"no-such-command-anywhere"}
	if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "command not found") {
		t.Errorf("error %v", err)
	}
	cfg.Command = nil
	cfg.PID = 1 << 30
	if _, err := Run(t.Context(), cfg); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
