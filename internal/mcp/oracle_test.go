package mcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

type greeting struct {
	Name string `json:"name"`
}

// TestAgainstTheSDK checks requests and answers against the official Go SDK.
func TestAgainstTheSDK(t *testing.T) {
	for _, stateless := range []bool{false, true} {
		for _, asJSON := range []bool{false, true} {
			for _, version := range append([]string{"detected"}, Revisions[:4]...) {
				t.Run(fmt.Sprintf("stateless %t, JSON %t, %s", stateless, asJSON, version), func(t *testing.T) {
					server := sdk.NewServer(&sdk.Implementation{Name: "oracle", Version: "3"}, nil)
					sdk.AddTool(server, &sdk.Tool{Name: "greet"}, func(ctx context.Context, req *sdk.CallToolRequest, in greeting) (*sdk.CallToolResult, any, error) {
						if in.Name == "" {
							return nil, nil, errors.New("nobody to greet")
						}
						_ = req.Session.NotifyProgress(ctx, &sdk.ProgressNotificationParams{ProgressToken: 1}) // something before the answer
						return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: "hello " + in.Name}}}, nil, nil
					})
					handler := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server },
						&sdk.StreamableHTTPOptions{Stateless: stateless, JSONResponse: asJSON})
					srv := httptest.NewServer(handler)
					defer srv.Close()
					converse(t, Endpoint{HTTP: srv.Client(), URL: srv.URL}, version, stateless)
				})
			}
		}
	}
}

func converse(t *testing.T, ep Endpoint, version string, stateless bool) {
	t.Helper()
	ctx := t.Context()
	era, want := Era{Version: version}, version
	if version == "detected" {
		var err error
		if era, err = Detect(ctx, ep); err != nil {
			t.Fatal(err)
		}
		want = Legacy
		if stateless {
			want = Modern
		}
	}
	s, err := Open(ctx, ep, era)
	if err != nil {
		t.Fatal(err)
	}
	if s.Era().Version != want {
		t.Errorf("version %s, want %s", s.Era().Version, want)
	}
	if version == Modern && !stateless {
		if _, err := s.Tools(ctx); err == nil {
			t.Error("a server with sessions took the revision without")
		}
		return
	}
	tools, err := s.Tools(ctx)
	if err != nil || len(tools) != 1 || tools[0].Name != "greet" {
		t.Fatalf("tools %v, %v", tools, err)
	}
	for range 3 {
		if res, err := s.Call(ctx, tools[0], jsontext.Value(`{"name":"you"}`)); err != nil || res.IsError || res.Text != "hello you" {
			t.Errorf("call: %+v, %v", res, err)
		}
	}
	if res, err := s.Call(ctx, tools[0], jsontext.Value(`{"name":""}`)); err != nil || !res.IsError || res.Text != "nobody to greet" {
		t.Errorf("a call that fails: %+v, %v", res, err)
	}
	if code, err := outcome(ctx, s, "nope"); code != "-32602" {
		t.Errorf("an unknown tool: %v", err)
	}
	if err := s.Close(ctx); err != nil {
		t.Errorf("closing: %v", err)
	}
	if s.http().id != "" {
		if _, err := s.Call(ctx, tools[0], jsontext.Value(`{"name":"you"}`)); !errors.Is(err, ErrSessionLost) {
			t.Errorf("after the end: %v", err)
		}
	}
}
