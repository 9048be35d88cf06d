package load

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

func initializeOnly(ctx context.Context, l *Load, _ int) error {
	_, err := l.initialize(ctx, nil)
	return err
}

func closedSession(ctx context.Context, l *Load, _ int) error {
	if l.era.SSE {
		s, err := mcp.Open(ctx, l.ep, l.era)
		if err != nil {
			return err
		}
		return s.Close(ctx)
	}
	id, err := l.begin(ctx)
	if err != nil {
		return err
	}
	return l.end(ctx, id)
}

func abandonedSession(ctx context.Context, l *Load, _ int) error {
	if l.era.SSE {
		s, err := mcp.Open(ctx, l.ep, l.era)
		if err == nil {
			s.Abandon()
		}
		return err
	}
	id, err := l.initialize(ctx, nil)
	if err != nil {
		return err
	}
	h := l.in(id)
	h.Set("Connection", "close") // it is the last request on it
	_, err = l.send(ctx, http.MethodPost, l.ep.URL, initializedMessage, h)
	return err
}

func oneCall(ctx context.Context, l *Load, worker int) error {
	s, err := l.standingSession(ctx, worker)
	if err != nil {
		return err
	}
	err = l.call(ctx, s, &l.tool)
	l.forgetLost(worker, s)
	return err
}

// call calls a tool, or lists the tools where there is none.
func (l *Load) call(ctx context.Context, s *mcp.Session, tool *called) error {
	if tool.Name == "" {
		_, err := s.Tools(ctx)
		return err
	}
	answer, err := s.Do(ctx, mcp.CallTool(&tool.Tool, tool.args))
	if err == nil && answer.IsError {
		return &toolError{strings.ToValidUTF8(answer.Text, "")}
	}
	return err
}

// wrong returns a call that fails: of an unknown tool, and of the tool with
// arguments that no schema has, in turn. Servers handle the two differently.
func (l *Load) wrong() *called {
	if l.turn.Add(1)%2 == 0 || l.tool.Name == "" {
		return &called{mcp.Tool{Name: "mcpdiag-no-such-tool"}, jsontext.Value(`{}`)}
	}
	return &called{l.tool.Tool, jsontext.Value(`{"mcpdiag-no-such-argument":[[]]}`)}
}

func failedCall(ctx context.Context, l *Load, worker int) error {
	s, err := l.standingSession(ctx, worker)
	if err != nil {
		return err
	}
	err = l.call(ctx, s, l.wrong())
	l.forgetLost(worker, s)
	return err
}

func sessionWithCall(ctx context.Context, l *Load, _ int) error {
	return l.session(ctx, &l.tool)
}

func sessionWithFailure(ctx context.Context, l *Load, _ int) error {
	return l.session(ctx, l.wrong())
}

// session opens a session, makes one call and closes it, also when the call fails.
func (l *Load) session(ctx context.Context, tool *called) error {
	s, err := mcp.Open(ctx, l.ep, l.era)
	if err != nil {
		return err
	}
	err = l.call(ctx, s, tool)
	return errors.Join(err, s.Close(ctx))
}

func bareRequest(ctx context.Context, l *Load, _ int) error {
	_, err := l.send(ctx, http.MethodPost, l.ep.URL, listMessage, nil)
	return err
}

func badMethod(ctx context.Context, l *Load, worker int) error {
	if s := l.cfg.Session; s != nil {
		_, err := s.Do(ctx, &mcp.Request{Method: "mcpdiag/no-such-method"})
		return err
	}
	if l.era.SSE {
		s, err := l.standingSession(ctx, worker)
		if err == nil {
			_, err = s.Do(ctx, &mcp.Request{Method: "mcpdiag/no-such-method"})
		}
		return err
	}
	_, err := l.send(ctx, http.MethodPost, l.ep.URL, unknownRequest(l.turn.Add(1)), nil)
	return err
}

func wrongAccept(ctx context.Context, l *Load, _ int) error {
	id, err := l.initialize(ctx, http.Header{"Accept": {"text/plain"}})
	if err == nil && id != "" {
		err = l.end(ctx, id) // it was not refused after all
	}
	return err
}

func healthProbe(ctx context.Context, l *Load, _ int) error {
	_, err := l.send(ctx, http.MethodGet, l.root("/health"), "", nil)
	return err
}

func modernCall(ctx context.Context, l *Load, _ int) error {
	s, err := mcp.Open(ctx, l.ep, mcp.Era{Version: mcp.Modern})
	if err != nil {
		return err
	}
	return l.call(ctx, s, &l.tool)
}

func discover(ctx context.Context, l *Load, _ int) error {
	s, err := mcp.Open(ctx, l.ep, mcp.Era{Version: mcp.Modern})
	if err != nil {
		return err
	}
	_, err = s.Do(ctx, &mcp.Request{Method: "server/discover"})
	return err
}

// rejected sends one of each kind of request that a server rejects.
func rejected(ctx context.Context, l *Load, worker int) error {
	return errors.Join(bareRequest(ctx, l, worker), badMethod(ctx, l, worker), wrongAccept(ctx, l, worker), healthProbe(ctx, l, worker))
}

// droppedStream opens the event stream of a session and drops it, as a client does
// whose network fails.
func droppedStream(ctx context.Context, l *Load, worker int) error {
	id, err := l.streamSession(ctx, worker)
	if err != nil {
		return err
	}
	ctx, drop := context.WithCancel(ctx)
	defer drop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.ep.URL, nil)
	if err != nil {
		return err
	}
	req.Header = l.in(id)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := l.ep.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it is dropped
	if resp.StatusCode/100 != 2 {
		return client.NewStatusError(resp, nil)
	}
	return nil
}
