package mcp

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Detect returns the era that Connect finds.
func Detect(ctx context.Context, ep Endpoint) (Era, error) {
	_, era, err := probed(ctx, ep)
	return era, err
}

// called is the result of a tool call, as tests compare it.
type called struct {
	IsError bool
	Text    string
	Arrived time.Time
}

// Call calls a tool.
func (s *Session) Call(ctx context.Context, tool Tool, arguments jsontext.Value) (called, error) {
	tool.annotations()
	answer, err := s.Do(ctx, CallTool(&tool, arguments))
	var r struct{ Content []struct{ Text string } }
	_ = json.Unmarshal(answer.Result, &r)
	res := called{IsError: answer.IsError, Text: answer.Text, Arrived: answer.At}
	if len(r.Content) > 0 {
		res.Text = r.Content[0].Text
	}
	return res, err
}

// inVirtualTime runs a subtest beside others, whose time passes while all wait.
func inVirtualTime(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, f)
	})
}

func (s *Session) http() *streamable { return s.wire.(*streamable) }
