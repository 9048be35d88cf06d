package doctor

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
)

// TestMain makes the test binary a watchdog and a server.
func TestMain(m *testing.M) {
	if process.IsWatchdog(os.Args) {
		os.Exit(launch.Watchdog())
	}
	if len(os.Args) == 3 && os.Args[1] == "stdio-server" {
		stdioServer(os.Args[2])
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "demo" {
		server := demo.New(demo.Config{Faults: os.Args[2:]})
		if err := server.ServeStdio(context.Background(), os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	// Tests wait most of their time: for streams that stay open and for answers that do not come.
	_ = flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))) // -parallel takes precedence
	os.Exit(m.Run())
}

// shellVariable is one that a shell has and a desktop client does not.
const shellVariable = "MCPDIAG_TEST_SHELL"

// stdioServer is a server with one fault.
func stdioServer(fault string) {
	switch fault {
	case "stdio.start":
		fmt.Fprintln(os.Stderr, "Error: API_KEY is not set\n"+strings.Repeat("  --flag VALUE  a line of the usage\n", 40))
		os.Exit(7)
	case "http":
		fmt.Println("Server listening")
		fallthrough
	case "port":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		handler := http.NotFoundHandler()
		if fault == "http" {
			handler = demo.New(demo.Config{}).Handler()
		}
		go http.Serve(l, handler) //nolint:gosec // for a few seconds
	case "stdio.stdout":
		fmt.Println("Server listening on stdio")
	case "stdio.env":
		if os.Getenv(shellVariable) == "" {
			fmt.Fprintln(os.Stderr, "Error: cannot find the database")
			os.Exit(7)
		}
	}
	in := bufio.NewScanner(os.Stdin)
	if fault != "stdio.big" {
		in.Buffer(nil, 1<<20)
	}
	for in.Scan() {
		if fault == "logs" {
			fmt.Println(`{"level":30,"msg":"request"}`)
		}
		if fault == "asks" && strings.Contains(in.Text(), `"tools/list"`) {
			fmt.Println(`{"jsonrpc":"2.0","id":"of the server","method":"ping"}`)
			line := in.Text()
			for in.Scan() && !strings.Contains(in.Text(), `"of the server","result":{}`) {
			}
			answer(line, fault)
			continue
		}
		answer(in.Text(), fault)
	}
	if fault == "stdio.exit" {
		time.Sleep(time.Minute) // the doctor ends it
	}
}

func answer(line, fault string) {
	id := "1"
	for _, other := range []string{`"mcpdiag-1"`, "0"} {
		if strings.Contains(line, `"id":`+other) {
			id = other
		}
	}
	result := func(text string) { fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", id, text) }
	if fault == "slow" && (strings.Contains(line, `"tools/call"`) || strings.Contains(line, "padding")) {
		time.Sleep(2700 * time.Millisecond)
	}
	switch {
	case strings.HasSuffix(fault, " hangs") && strings.Contains(line, strings.TrimSuffix(fault, " hangs")):
		time.Sleep(time.Minute) // the doctor ends it
	case strings.HasSuffix(fault, " kills") && strings.Contains(line, strings.TrimSuffix(fault, " kills")):
		fmt.Fprintln(os.Stderr, "fatal: DATABASE_URL is not set")
		os.Exit(1)
	case slices.Contains([]string{"stdio.silent", "http", "port"}, fault), !strings.Contains(line, `"id"`):
	case strings.Contains(line, `"initialize"`):
		result(`{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"stdio","version":"1"}}`)
	case strings.Contains(line, `"tools/list"`):
		result(`{"tools":[` + goodTool + `]}`)
	case strings.Contains(line, `"ping"`):
		result("{}")
	case strings.Contains(line, "sentinel"):
		fmt.Printf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"no sentinel"}}`+"\n", id)
	default:
		fmt.Printf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`+"\n", id)
	}
}

// stdioFaults lists the faults of stdioServer that are failures.
func stdioFaults() []string {
	return []string{"stdio.start", "stdio.stdout", "stdio.silent", "stdio.big"}
}

func TestStdioFaults(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range append(stdioFaults(), "stdio.exit", "stdio.env", "none") {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			deadline := 20 * time.Second
			if id == "stdio.silent" {
				deadline = time.Second
			}
			f := gather.Command(t.Context(), gather.CommandOptions{
				Args: []string{self, "stdio-server", id}, Env: []string{shellVariable + "=1"},
				Deadline: deadline, Minimal: id == "stdio.env" || id == "none",
			})
			r := Judge(f, Judgement{})
			switch id {
			case "none":
				if r.Verdict != Healthy {
					t.Errorf("verdict %s\n%s", r.Verdict, shown(r))
				}
			case "stdio.exit", "stdio.env":
				if r.Verdict != Degraded || r.worst().ID != id {
					t.Errorf("verdict %s\n%s", r.Verdict, shown(r))
				}
			default:
				if !slices.Equal(r.RootCauses, []string{id}) || r.Report().Outcome != finding.Found {
					t.Errorf("root causes %q\n%s", r.RootCauses, shown(r))
				}
				if id == "stdio.start" && !strings.Contains(r.Headline, "it said: Error: API_KEY is not set") {
					t.Errorf("headline %q", r.Headline)
				}
			}
		})
	}
}

// TestStdioGivenArguments keeps the arguments that the user gave out of the facts.
func TestStdioGivenArguments(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := gather.Command(t.Context(), gather.CommandOptions{Args: []string{self, "stdio-server", "none"}, Call: &gather.Call{Name: "echo", Arguments: `{"text":"sentinel"}`}})
	saved, err := json.Marshal(f)
	if x := f.First(facts.CallProbe); err != nil || strings.Contains(string(saved), "sentinel") || x.Code() != -32602 {
		t.Errorf("%v %+v", err, x)
	}
}

// TestStdioSlow gives each of two slow answers its time.
func TestStdioSlow(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := gather.Command(t.Context(), gather.CommandOptions{Args: []string{self, "stdio-server", "slow"}, Call: &gather.Call{Name: "echo"}})
	if r := Judge(f, Judgement{}); !f.First("big line").OK() || slices.Contains(r.RootCauses, "stdio.big") {
		t.Errorf("%+v\n%s", f.First("big line"), shown(r))
	}
}

func TestNoSuchCommand(t *testing.T) {
	t.Parallel()
	r := Judge(gather.Command(t.Context(), gather.CommandOptions{Args: []string{"no-such-command-of-mcpdiag"}, Deadline: time.Second}), Judgement{})
	if r.Verdict != Unreachable || !slices.Equal(r.RootCauses, []string{"stdio.start"}) {
		t.Errorf("verdict %s\n%s", r.Verdict, shown(r))
	}
}

// TestStdioListens checks that a server over HTTP is found at its port, long before
// the deadline, and that a port that is no server only becomes a hint.
func TestStdioListens(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for fault, c := range map[string]struct {
		deadline      time.Duration
		root, summary string
		hint          string
	}{
		"http": {5 * time.Minute, "stdio.start", `^the command speaks MCP over HTTP at http://localhost:\d+/mcp, and does not answer`, `mcpdiag doctor http://localhost:\d+/mcp$`},
		"port": {5 * time.Second, "stdio.silent", "^the command runs, but does not answer initialize within [345] s$", `^it listens on TCP port \d+: .*; mcpdiag doctor http://localhost:\d+/mcp$`},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			f := gather.Command(t.Context(), gather.CommandOptions{Args: []string{self, "stdio-server", fault}, Deadline: c.deadline})
			r := Judge(f, Judgement{})
			if !slices.Equal(r.RootCauses, []string{c.root}) || !regexp.MustCompile(c.summary).MatchString(r.worst().Summary) || !regexp.MustCompile(c.hint).MatchString(r.worst().Hint+"; "+r.worst().Next) {
				t.Errorf("root causes %q\n%s", r.RootCauses, shown(r))
			}
		})
	}
}
