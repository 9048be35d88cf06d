package leaktest

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

func initializeOnly(ctx context.Context, l *load, _ int) error {
	_, err := l.initialize(ctx, nil)
	return err
}

func closedSession(ctx context.Context, l *load, _ int) error {
	id, err := l.begin(ctx)
	if err != nil {
		return err
	}
	return l.end(ctx, id)
}

func abandonedSession(ctx context.Context, l *load, _ int) error {
	id, err := l.initialize(ctx, nil)
	if err != nil {
		return err
	}
	h := l.in(id)
	h.Set("Connection", "close") // it is the last request on it
	_, err = l.send(ctx, http.MethodPost, l.ep.URL, initializedMessage, h)
	return err
}

// standingSession is the session of a worker that stays open between rounds; it
// is opened anew where the server has lost it.
func (l *load) standingSession(ctx context.Context, worker int) (*mcp.Session, error) {
	if l.line != nil {
		return l.line, nil
	}
	l.mu.Lock()
	s := l.standing[worker]
	l.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := mcp.Open(ctx, l.ep, l.era)
	if err == nil {
		l.mu.Lock()
		l.standing[worker] = s
		l.mu.Unlock()
	}
	return s, err
}

// lost lets go of a session that the server has forgotten.
func (l *load) lost(worker int, s *mcp.Session) {
	if !s.Alive() {
		l.mu.Lock()
		delete(l.standing, worker)
		l.mu.Unlock()
	}
}

func oneCall(ctx context.Context, l *load, worker int) error {
	s, err := l.standingSession(ctx, worker)
	if err != nil {
		return err
	}
	err = l.call(ctx, s, l.tool, l.args)
	l.lost(worker, s)
	return err
}

func (l *load) call(ctx context.Context, s *mcp.Session, tool mcp.Tool, args jsontext.Value) error {
	if tool.Name == "" {
		_, err := s.Tools(ctx)
		return err
	}
	answer, err := s.Do(ctx, mcp.CallTool(&tool, args))
	if err == nil && answer.IsError {
		return failedTool(answer.Text)
	}
	return err
}

// wrong is a call that fails: of a tool that is not there, or of the tool with
// arguments that no schema has. Servers take different ways with them.
func (l *load) wrong() (mcp.Tool, jsontext.Value) {
	if l.turn.Add(1)%2 == 0 || l.tool.Name == "" {
		return mcp.Tool{Name: "mcpdiag-no-such-tool"}, jsontext.Value(`{}`)
	}
	return l.tool, jsontext.Value(`{"mcpdiag-no-such-argument":[[]]}`)
}

func failedCall(ctx context.Context, l *load, worker int) error {
	tool, args := l.wrong()
	s, err := l.standingSession(ctx, worker)
	if err != nil {
		return err
	}
	err = l.call(ctx, s, tool, args)
	l.lost(worker, s)
	return err
}

func sessionWithCall(ctx context.Context, l *load, _ int) error {
	return l.session(ctx, l.tool, l.args)
}

func sessionWithFailure(ctx context.Context, l *load, _ int) error {
	tool, args := l.wrong()
	return l.session(ctx, tool, args)
}

// session is a session with one call. That the call fails does not keep the
// session from being closed.
func (l *load) session(ctx context.Context, tool mcp.Tool, args jsontext.Value) error {
	s, err := mcp.Open(ctx, l.ep, l.era)
	if err != nil {
		return err
	}
	err = l.call(ctx, s, tool, args)
	return errors.Join(err, s.Close(ctx))
}

func bareRequest(ctx context.Context, l *load, _ int) error {
	_, err := l.send(ctx, http.MethodPost, l.ep.URL, listMessage, nil)
	return err
}

func badMethod(ctx context.Context, l *load, _ int) error {
	if l.line != nil {
		_, err := l.line.Do(ctx, &mcp.Request{Method: "mcpdiag/no-such-method"})
		return err
	}
	_, err := l.send(ctx, http.MethodPost, l.ep.URL, unknownRequest(l.turn.Add(1)), nil)
	return err
}

func wrongAccept(ctx context.Context, l *load, _ int) error {
	id, err := l.initialize(ctx, http.Header{"Accept": {"text/plain"}})
	if err == nil && id != "" {
		err = l.end(ctx, id) // it was not refused after all
	}
	return err
}

func healthProbe(ctx context.Context, l *load, _ int) error {
	_, err := l.send(ctx, http.MethodGet, l.root("/health"), "", nil)
	return err
}

func modernCall(ctx context.Context, l *load, _ int) error {
	s, err := mcp.Open(ctx, l.ep, mcp.Era{Version: mcp.Modern})
	if err != nil {
		return err
	}
	return l.call(ctx, s, l.tool, l.args)
}

func discover(ctx context.Context, l *load, _ int) error {
	s, err := mcp.Open(ctx, l.ep, mcp.Era{Version: mcp.Modern})
	if err != nil {
		return err
	}
	_, err = s.Do(ctx, &mcp.Request{Method: "server/discover"})
	return err
}

// rejected is one of each kind of request that a server turns away.
func rejected(ctx context.Context, l *load, worker int) error {
	return errors.Join(bareRequest(ctx, l, worker), badMethod(ctx, l, worker), wrongAccept(ctx, l, worker), healthProbe(ctx, l, worker))
}

// droppedStream opens the standing stream of a session and drops it: what a
// client does whose network goes away.
func droppedStream(ctx context.Context, l *load, worker int) error {
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

// streamSession is a session of a worker whose stream is opened and dropped.
func (l *load) streamSession(ctx context.Context, worker int) (string, error) {
	l.mu.Lock()
	id := l.streams[worker]
	l.mu.Unlock()
	if id != "" {
		return id, nil
	}
	id, err := l.begin(ctx)
	if err == nil {
		l.mu.Lock()
		l.streams[worker] = id
		l.mu.Unlock()
	}
	return id, err
}
