package mcp

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// message is a JSON-RPC message of either side.
type message struct {
	Version string         `json:"jsonrpc,omitempty"`
	ID      jsontext.Value `json:"id,omitempty"`
	Method  string         `json:"method,omitempty"`
	Params  jsontext.Value `json:"params,omitempty"`
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

// CodeMethodNotFound is the code of JSON-RPC errors about unknown methods.
const CodeMethodNotFound = -32601

// JSON-RPC codes of MCP.
const (
	codeServer         = -32000 // TypeScript servers: no such session
	codeHeaderMismatch = -32020
	codeMissingClient  = -32021
	codeVersion        = -32022
)

// ErrorCode returns the JSON-RPC code in the chain of err.
func ErrorCode(err error) (code int64, ok bool) {
	if rpc, ok := errors.AsType[*RPCError](err); ok {
		return rpc.Code, true
	}
	return 0, false
}

// IsVersionRefused reports whether err says that the server does not speak the
// revision of the request.
func IsVersionRefused(err error) bool {
	code, ok := ErrorCode(err)
	return ok && code == codeVersion
}

// ErrSessionLost is in the chain of an error that says that the server does not
// know the session any more.
var ErrSessionLost = errors.New("the server no longer knows the session")

// statusError returns the error of an answer whose status is not 2xx. Its Detail is
// the JSON-RPC error in the body, if there is one.
func statusError(resp *http.Response, body []byte) *client.StatusError {
	e := client.NewStatusError(resp, body)
	if m, _, err := parseMessage(body); err == nil && m.Error != nil {
		e.Detail = m.Error
	}
	e.Usual = "MCP is usually at /mcp, or at /sse on older servers"
	return e
}

// redact blanks secrets in an answer.
func redact(answer []byte, secrets client.Secrets) []byte {
	return []byte(secrets.Redact(string(answer)))
}

// sessionLost reports whether e says that the session is gone: 404, or 400 with -32000.
func sessionLost(e *client.StatusError) bool {
	var rpc *RPCError
	return e.Code == http.StatusNotFound || e.Code == http.StatusBadRequest && errors.As(e.Detail, &rpc) && rpc.Code == codeServer
}

// byteOrderMark begins the messages of some servers.
const byteOrderMark = "\xef\xbb\xbf"

// markup describes data that begins as HTML or XML does.
func markup(data []byte) string {
	if strings.HasPrefix(http.DetectContentType(data), "text/html") {
		return "HTML, not JSON: a login page or an error page?"
	}
	return "XML, not JSON, it begins with " + quote(data)
}

// parseMessage parses one message. An array counts as the one answer in it, or the one
// message: revision 2025-03-26 allowed batches.
func parseMessage(data []byte) (*message, []deviation, error) {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte(byteOrderMark)))
	switch {
	case len(data) == 0:
		return nil, nil, malformed("it is empty")
	case data[0] == '<':
		return nil, nil, malformed("it is %s", markup(data))
	case data[0] == '[':
		var batch []message
		odd, err := unmarshal(data, &batch)
		all := len(batch)
		if all > 1 {
			batch = slices.DeleteFunc(batch, func(m message) bool { return m.Method != "" })
		}
		if err == nil && len(batch) != 1 {
			err = malformed("it is an array of %d messages with %d answers instead of one", all, len(batch))
		}
		if err != nil {
			return nil, nil, err
		}
		odd = append(odd, deviation{text: "answers come in arrays, which only revision 2025-03-26 allows"})
		return &batch[0], odd, nil
	}
	var m message
	odd, err := unmarshal(data, &m)
	if err == nil && m.Version != "2.0" {
		odd = append(odd, deviation{`messages lack "jsonrpc": "2.0"`, bySDK})
	}
	return &m, odd, err
}

// idNumber returns the number that an id stands for. Some servers send numbers back
// as strings, and the official clients accept that.
func idNumber(raw []byte) (int64, bool) {
	text := strings.Trim(string(raw), `"`)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	n, err := strconv.ParseFloat(text, 64)
	return int64(n), err == nil && n == float64(int64(n))
}

// isExactly reports whether an id is the number n as it was sent.
func isExactly(raw []byte, n int64) bool {
	var b [20]byte
	return string(raw) == string(strconv.AppendInt(b[:0], n, 10))
}

// answers reports whether m is the response to the request id.
func (m *message) answers(id int64) bool {
	n, ok := idNumber(m.ID)
	return m.Method == "" && ok && n == id
}

// isRequest reports whether m requires an answer from the client.
func (m *message) isRequest() bool { return m.Method != "" && len(m.ID) > 0 }

// reply returns the answer to a request of the server: {} to a ping, "method not
// found" to everything else, since the client declared no capabilities.
func (m *message) reply() ([]byte, error) {
	r := &message{Version: "2.0", ID: m.ID}
	if m.Method == "ping" {
		r.Result = jsontext.Value("{}")
	} else {
		r.Error = &RPCError{Code: CodeMethodNotFound, Message: "this client offers nothing to " + m.Method}
	}
	return encode(r)
}
