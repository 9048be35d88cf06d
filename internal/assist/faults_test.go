package assist

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/demo"
)

// TestFaultsOfServers: the doctor names each fault of the demo server that shows over HTTP
// without a call of a tool, and none in a healthy one.
func TestFaultsOfServers(t *testing.T) {
	t.Parallel()
	wanted := map[string]string{"": ""}
	for _, f := range demo.Faults() {
		if !f.Stdio && f.Needs == "" {
			wanted[f.Name] = f.Check
		}
	}
	if len(wanted) < 10 {
		t.Errorf("only %d faults", len(wanted))
	}
	for fault, check := range wanted {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cfg := demo.Config{}
			if fault != "" {
				cfg.Faults = []string{fault}
			}
			a := use(t, newSession(t, Config{}), "doctor", map[string]any{"target": newDemo(t, cfg)})
			var found []string
			for _, r := range a.doc["results"].([]any) {
				row := r.(map[string]any)
				if row["severity"] == "fail" || row["severity"] == "warn" {
					found = append(found, row["id"].(string))
				}
			}
			if check == "" && len(found) > 0 || check != "" && !slices.Contains(found, check) {
				t.Errorf("found %q, want %q\n%s", found, check, a.text)
			}
			if !strings.Contains(a.text, check) {
				t.Errorf("the text does not name it: %s", a.text)
			}
			if said := a.text + fmt.Sprint(a.doc); regexp.MustCompile(`--[a-z]|mcpdiag (logs|loadtest|metrics)`).MatchString(said) {
				t.Errorf("flags and commands, for a caller of tools: %s", said)
			}
		})
	}
}

// TestFaultsOverTime: snapshots and diff show a queue behind one call, and memory that
// sessions leave behind.
func TestFaultsOverTime(t *testing.T) {
	t.Parallel()
	t.Run("slow-queue", func(t *testing.T) {
		t.Parallel()
		url := newDemo(t, demo.Config{SlowQueue: true, ServiceTime: time.Minute})
		user := newUser(t, url)
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		for range 5 {
			go user.CallTool(ctx, &mcp.CallToolParams{Name: "search"})
		}
		s := newSession(t, Config{})
		eventually(t, func() bool {
			a := use(t, s, "snapshot", map[string]any{"target": url})
			return strings.Contains(a.text, "waiting in the queue of search: 4")
		})
	})
	t.Run("leak-session", func(t *testing.T) {
		t.Parallel()
		url := newDemo(t, demo.Config{LeakSession: 16 << 20})
		s := newSession(t, Config{})
		before := use(t, s, "snapshot", map[string]any{"target": url}).doc["id"]
		for range 3 {
			user := newUser(t, url)
			if _, err := user.CallTool(t.Context(), &mcp.CallToolParams{Name: "flaky", Arguments: map[string]any{"fail": true}}); err != nil {
				t.Fatal(err)
			}
			_ = user.Close()
		}
		eventually(t, func() bool {
			after := use(t, s, "snapshot", map[string]any{"target": url})
			a := use(t, s, "diff", map[string]any{"before": before, "after": after.doc["id"]})
			return strings.Contains(after.text, "retained by flaky: 48.0 MB") && a.doc["verdict"] == "leak-suspected"
		})
	})
}

// newUser returns a client of the server at url.
func newUser(t *testing.T, url string) *mcp.ClientSession {
	t.Helper()
	c := mcp.NewClient(&mcp.Implementation{Name: "user", Version: "1"}, nil)
	user, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: url + "/mcp", DisableStandaloneSSE: true}, &mcp.ClientSessionOptions{ProtocolVersion: eras[0]})
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// eventually waits until ok holds.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what is awaited does not come")
		}
	}
}
