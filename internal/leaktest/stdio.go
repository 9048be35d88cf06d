package leaktest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// stdio speaks MCP over the standard streams of a server: a message a line.
type stdio struct {
	in  io.WriteCloser
	era mcp.Era

	mu      sync.Mutex
	last    int64
	waiting map[int64]chan stdioAnswer
	ended   error // why no answer comes any more
}

type stdioAnswer struct {
	ID     *int64          `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int64  `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// maxLine bounds one message of the server.
const maxLine = 16 << 20

func newStdio(in io.WriteCloser, out io.Reader) *stdio {
	s := &stdio{in: in, waiting: map[int64]chan stdioAnswer{}}
	go s.read(out)
	return s
}

// read hands each answer to who waits for it. What is no message is passed over: servers
// are known to log to their standard output.
func (s *stdio) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var a stdioAnswer
		if json.Unmarshal(lines.Bytes(), &a) != nil || a.ID == nil {
			continue
		}
		if a.Method != "" {
			s.refuse(*a.ID)
			continue
		}
		s.mu.Lock()
		if to := s.waiting[*a.ID]; to != nil {
			to <- a
			delete(s.waiting, *a.ID)
		}
		s.mu.Unlock()
	}
	err := lines.Err()
	if err == nil {
		err = errors.New("the server closed its standard output")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = err
	for id, to := range s.waiting {
		close(to)
		delete(s.waiting, id)
	}
}

// refuse answers a request of the server: this client offers nothing.
func (s *stdio) refuse(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintf(s.in, `{"jsonrpc":"2.0","id":%d,"error":{"code":-32601,"message":"method not found"}}`+"\n", id)
}

func (s *stdio) request(ctx context.Context, method string, params any) (json.RawMessage, error) {
	to, err := s.post(method, params)
	if err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case a, ok := <-to:
		switch {
		case !ok:
			return nil, s.why()
		case a.Error != nil:
			return nil, &mcp.RPCError{Code: a.Error.Code, Message: a.Error.Message}
		}
		return a.Result, nil
	}
}

func (s *stdio) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// post sends a request; the channel gets its answer.
func (s *stdio) post(method string, params any) (<-chan stdioAnswer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return nil, s.ended
	}
	s.last++
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": s.last, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	to := make(chan stdioAnswer, 1)
	s.waiting[s.last] = to
	_, err = s.in.Write(append(line, '\n'))
	return to, err
}

// handshake is initialize and initialized; it returns what the server calls itself.
func (s *stdio) handshake(ctx context.Context) (era mcp.Era, err error) {
	result, err := s.request(ctx, "initialize", map[string]any{
		"protocolVersion": mcp.Legacy, "capabilities": struct{}{}, "clientInfo": map[string]string{"name": "mcpdiag", "version": "1"},
	})
	if err != nil {
		return era, fmt.Errorf("initialize: %w", err)
	}
	var r struct {
		ProtocolVersion string                         `json:"protocolVersion"`
		ServerInfo      struct{ Name, Version string } `json:"serverInfo"`
	}
	if err := json.Unmarshal(result, &r); err != nil {
		return era, fmt.Errorf("initialize: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.era = mcp.Era{Version: r.ProtocolVersion, Server: r.ServerInfo.Name + " " + r.ServerInfo.Version}
	_, err = io.WriteString(s.in, initializedMessage+"\n")
	return s.era, err
}

func (s *stdio) tools(ctx context.Context) ([]mcp.Tool, error) {
	result, err := s.request(ctx, "tools/list", struct{}{})
	if err != nil {
		return nil, err
	}
	var r struct{ Tools []json.RawMessage }
	if err := json.Unmarshal(result, &r); err != nil {
		return nil, err
	}
	var tools []mcp.Tool
	for _, raw := range r.Tools {
		var t struct {
			Name        string          `json:"name"`
			InputSchema json.RawMessage `json:"inputSchema"`
			Annotations struct {
				Destructive bool `json:"destructiveHint"`
			} `json:"annotations"`
		}
		if json.Unmarshal(raw, &t) == nil {
			tool := mcp.Tool{Name: t.Name, InputSchema: jsontext.Value(t.InputSchema)}
			tool.Annotations.Destructive = t.Annotations.Destructive
			tools = append(tools, tool)
		}
	}
	return tools, nil
}

func (s *stdio) call(ctx context.Context, tool string, args jsontext.Value) error {
	result, err := s.request(ctx, "tools/call", map[string]any{"name": tool, "arguments": json.RawMessage(args)})
	if err != nil {
		return err
	}
	var r struct{ IsError bool }
	if err := json.Unmarshal(result, &r); err != nil {
		return err
	}
	if r.IsError {
		return errTool
	}
	return nil
}

func (s *stdio) unknown(ctx context.Context) error {
	_, err := s.request(ctx, "mcpdiag/no-such-method", struct{}{})
	return err
}
