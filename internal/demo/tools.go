package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Service times of the tools.
const (
	searchLeast  = 5 * time.Millisecond
	searchMost   = 15 * time.Millisecond
	generateTime = 500 * time.Millisecond
)

// flakyEvery makes every third call of flaky fail.
const flakyEvery = 3

type echoArgs struct {
	Text string `json:"text,omitempty" jsonschema:"what to say back"`
}

type searchArgs struct {
	Query string `json:"query,omitempty" jsonschema:"what to look for"`
}

type generateArgs struct {
	Prompt string `json:"prompt,omitempty" jsonschema:"what to draw"`
}

type planArgs struct {
	Goal string `json:"goal,omitempty" jsonschema:"what to reach"`
}

type flakyArgs struct {
	Fail *bool `json:"fail,omitempty" jsonschema:"fail or do not; without it every third call fails"`
}

func (s *Server) addTools(server *mcp.Server) {
	mcp.AddTool(server, &mcp.Tool{Name: "echo", Description: "Say something back, at once"},
		func(_ context.Context, _ *mcp.CallToolRequest, in echoArgs) (*mcp.CallToolResult, any, error) {
			return text("%s", in.Text), nil, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "search", Description: "Look something up, in some milliseconds"},
		func(ctx context.Context, _ *mcp.CallToolRequest, in searchArgs) (*mcp.CallToolResult, any, error) {
			err := s.search(ctx)
			return text("3 documents about %q", in.Query), nil, err
		})
	mcp.AddTool(server, &mcp.Tool{Name: "generate", Description: "Draw a picture, in half a second"},
		func(ctx context.Context, _ *mcp.CallToolRequest, in generateArgs) (*mcp.CallToolResult, any, error) {
			err := sleep(ctx, generateTime)
			return text("a picture of %q", in.Prompt), nil, err
		})
	mcp.AddTool(server, &mcp.Tool{Name: "plan", Description: "Reach a goal by calling the other tools"},
		func(ctx context.Context, _ *mcp.CallToolRequest, in planArgs) (*mcp.CallToolResult, any, error) {
			err := s.plan(ctx)
			return text("a plan for %q", in.Goal), nil, err
		})
	var calls atomic.Int64
	mcp.AddTool(server, &mcp.Tool{Name: "flaky", Description: "Fail on every third call"},
		func(_ context.Context, _ *mcp.CallToolRequest, in flakyArgs) (*mcp.CallToolResult, any, error) {
			if fails(in.Fail, &calls) {
				return nil, nil, errors.New("the backend did not answer")
			}
			return text("the backend answered"), nil, nil
		})
}

func fails(asked *bool, calls *atomic.Int64) bool {
	if asked != nil {
		return *asked
	}
	return calls.Add(1)%flakyEvery == 0
}

func text(format string, args ...any) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprintf(format, args...)}}}
}

func (s *Server) search(ctx context.Context) error {
	if s.cfg.ServiceTime > 0 {
		return sleep(ctx, s.cfg.ServiceTime)
	}
	return sleep(ctx, searchLeast+rand.N(searchMost-searchLeast)) //nolint:gosec // not a secret
}

// plan calls search three times and generate once, as children of its own call.
func (s *Server) plan(ctx context.Context) error {
	for range 3 {
		if err := s.calls.within(ctx, "search", s.search); err != nil {
			return err
		}
	}
	return s.calls.within(ctx, "generate", func(ctx context.Context) error { return sleep(ctx, generateTime) })
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
