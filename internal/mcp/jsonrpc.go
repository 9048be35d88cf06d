// Package mcp is the Model Context Protocol as a client speaks it over HTTP:
// which era a server is of, its session, its tools and their calls.
package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
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

// StatusError is an answer whose HTTP status is an error.
type StatusError struct {
	Code       int
	Status     string        // "503 Service Unavailable"
	RPC        *RPCError     // the JSON-RPC error in its body, or nil
	RetryAfter time.Duration // how long the server asks to wait, 0 where it does not
	Snippet    string        // how a body that is no JSON-RPC begins
	Location   string        // where a redirect points, without what may be secret in it; it is not followed
}

func (e *StatusError) Error() string {
	switch {
	case e.Location != "":
		return fmt.Sprintf("the server answered %s, to %s, which is not followed; give that URL if you trust it", e.Status, e.Location)
	case e.RPC != nil:
		return fmt.Sprintf("the server answered %s (%s)", e.Status, e.RPC.Error())
	case e.Snippet != "":
		return fmt.Sprintf("the server answered %s (%q)", e.Status, e.Snippet)
	}
	return "the server answered " + e.Status
}

// ErrSessionLost is in the chain of an error that says that the server has no
// such session any more.
var ErrSessionLost = errors.New("the server no longer knows the session")

const maxSnippet = 120

func statusError(resp *http.Response, body []byte) error {
	e := &StatusError{Code: resp.StatusCode, Status: resp.Status}
	if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
		e.Location = (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()
	}
	if d, err := time.ParseDuration(resp.Header.Get("Retry-After") + "s"); err == nil && d > 0 {
		e.RetryAfter = d
	}
	if m, err := parseMessage(body); err == nil && m.Error != nil {
		e.RPC = m.Error
	} else if text := strings.Join(strings.Fields(string(body[:min(len(body), maxSnippet)])), " "); !strings.HasPrefix(text, "<") {
		e.Snippet = strings.ToValidUTF8(text, "")
	}
	return e
}

// lost reports whether e says that the session is gone: 404, or 400 with -32000.
func (e *StatusError) lost() bool {
	return e.Code == http.StatusNotFound || e.Code == http.StatusBadRequest && e.RPC != nil && e.RPC.Code == codeServer
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
