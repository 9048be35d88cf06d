// Package mcp is the Model Context Protocol as a client speaks it over HTTP:
// which era a server is of, its session, its tools and their calls.
package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// message is a JSON-RPC message of either side.
type message struct {
	Version string         `json:"jsonrpc,omitempty"`
	ID      jsontext.Value `json:"id,omitempty"`
	Method  string         `json:"method,omitempty"`
	Params  map[string]any `json:"params,omitempty"`
	Result  jsontext.Value `json:"result,omitempty"`
	Error   *RPCError      `json:"error,omitempty"`
}

// RPCError is a JSON-RPC error.
type RPCError struct {
	Code    int64          `json:"code"`
	Message string         `json:"message"`
	Data    jsontext.Value `json:"data,omitempty"`
}

func (e *RPCError) Error() string { return fmt.Sprintf("JSON-RPC error %d: %s", e.Code, e.Message) }

// JSON-RPC codes of MCP.
const (
	codeMethodNotFound = -32601
	codeServer         = -32000 // TypeScript servers: no such session
	codeHeaderMismatch = -32020
	codeMissingClient  = -32021
	codeVersion        = -32022
)

// MalformedError is an answer that is not what the protocol says.
type MalformedError struct{ What string }

func (e *MalformedError) Error() string { return "malformed answer: " + e.What }

func malformed(format string, args ...any) error {
	return &MalformedError{What: fmt.Sprintf(format, args...)}
}

// ErrSessionLost is in the chain of an error that says that the server has no
// such session any more.
var ErrSessionLost = errors.New("the server no longer knows the session")

// statusError returns the error of an answer whose status is not 2xx. Its Detail is
// the JSON-RPC error in the body, if there is one.
func statusError(resp *http.Response, body []byte) *client.StatusError {
	e := client.NewStatusError(resp, body)
	if m, err := parseMessage(body); err == nil && m.Error != nil {
		e.Detail = m.Error
	}
	e.Usual = "MCP is usually at /mcp, or at /sse on older servers"
	return e
}

// sessionLost reports whether e says that the session is gone: 404, or 400 with -32000.
func sessionLost(e *client.StatusError) bool {
	var rpc *RPCError
	return e.Code == http.StatusNotFound || e.Code == http.StatusBadRequest && errors.As(e.Detail, &rpc) && rpc.Code == codeServer
}

// bom is the byte order mark that some servers begin with.
const bom = "\xef\xbb\xbf"

// parseMessage reads one message; names are compared exactly, as JSON has it.
func parseMessage(data []byte) (*message, error) {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte(bom)))
	switch {
	case len(data) == 0:
		return nil, malformed("it is empty")
	case data[0] == '<':
		return nil, malformed("it is HTML, not JSON: a login page or an error page?")
	}
	var m message
	if err := jsonv2.Unmarshal(data, &m, jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, malformed("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return &m, nil
}

// answers reports whether m is the response to the request id.
func (m *message) answers(id int64) bool { return m.Method == "" && isID(m.ID, id) }

// isRequest reports whether m wants an answer from the client.
func (m *message) isRequest() bool { return m.Method != "" && len(m.ID) > 0 }

// response is the answer a client owes to a request of the server: {} to a ping,
// "method not found" to everything else, since it declared no capabilities.
func (m *message) response() *message {
	r := &message{Version: "2.0", ID: m.ID}
	if m.Method == "ping" {
		r.Result = jsontext.Value("{}")
	} else {
		r.Error = &RPCError{Code: codeMethodNotFound, Message: "this client offers nothing to " + m.Method}
	}
	return r
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}
