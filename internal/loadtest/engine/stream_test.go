package engine

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// oneAtATime is a server behind a queue: an open GET stream holds up each request
// that comes after it.
type oneAtATime struct {
	turn chan struct{} // of one; a mutex would stop virtual time
	late bool          // the stream has no header before its first event
	scripted
}

func (s *oneAtATime) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "text/event-stream")
		if !s.late {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
		return
	}
	s.scripted.ServeHTTP(w, r)
}

// The load opens the standalone stream as clients do, so that it meets what they
// meet; a plan can turn it off.
func TestStandaloneStream(t *testing.T) {
	for _, c := range []struct {
		noStream, late bool
		want           result.ErrorKind
	}{{false, false, result.ErrTimeout}, {false, true, result.ErrTimeout}, {true, false, ""}} {
		synctest.Test(t, func(t *testing.T) {
			s := &oneAtATime{turn: make(chan struct{}, 1), late: c.late, scripted: scripted{call: func(w http.ResponseWriter, _ *http.Request, _ int64, id string) {
				time.Sleep(10 * time.Millisecond)
				good(w, id)
			}}}
			res := runPlan(t, inMemory(t, s), plan.Plan{Stages: []plan.Stage{{Users: 1, Calls: 3}}, NoStream: c.noStream})
			if c.want == "" && (res.Failed != 0 || res.Sessions.Streams != 0) {
				t.Errorf("without a stream: %d failed, %d streams", res.Failed, res.Sessions.Streams)
			}
			if c.want != "" && (res.ErrorsOf(c.want) == 0 || res.Sessions.Streams == 0 || !strings.Contains(strings.Join(res.Warnings, ""), "stream: false")) {
				t.Errorf("with a stream: %+v, %d streams, warnings %q", res.Errors, res.Sessions.Streams, res.Warnings)
			}
		})
	}
}

// TestTimeoutOverSSE: a call that is never answered fails after the timeout, so that the
// run ends, and the 202 to its POST does not count as the first byte of its answer.
func TestTimeoutOverSSE(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sdk.NewServer(&sdk.Implementation{Name: "test", Version: "1"}, nil)
		calls, end := 0, make(chan struct{})
		defer close(end)
		sdk.AddTool(s, &sdk.Tool{Name: "work"}, func(_ context.Context, _ *sdk.CallToolRequest, _ nothing) (*sdk.CallToolResult, any, error) {
			if calls++; calls > 1 {
				<-end
			}
			return &sdk.CallToolResult{}, nil, nil
		})
		cfg := inMemory(t, sdk.NewSSEHandler(func(*http.Request) *sdk.Server { return s }, nil))
		cfg.Plan = plan.Plan{Protocol: "2024-11-05", Steps: slices.Clone(workStep), Stages: []plan.Stage{{Users: 1, Duration: 10 * time.Second}}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		res, err := prepareAndRun(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if res.Interrupted || res.Succeeded != 1 || res.ErrorsOf(result.ErrTimeout) != 1 || res.FirstByte != nil {
			t.Errorf("interrupted %t, %d calls succeeded, %+v, first byte %+v", res.Interrupted, res.Succeeded, res.Errors, res.FirstByte)
		}
	})
}
