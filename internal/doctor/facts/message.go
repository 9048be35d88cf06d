package facts

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/mcp/sse"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Message is the JSON-RPC message in an answer.
type Message struct {
	ID      json.RawMessage `json:"id,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"` // null where it is too large to keep
	Error   *mcp.RPCError   `json:"error,omitempty"`
	Problem string          `json:"problem,omitempty"` // why the body is not a message

	Rejected string `json:"rejected,omitempty"` // why official clients reject it, whatever its result is
}

// maxReason limits the reason why clients reject something.
const maxReason = 160

// maxResult limits the result of a message in the facts.
const maxResult = 64 << 10

// ParseMessage reads the answer to a request from a body of JSON or events. It
// returns nil for an empty body.
func ParseMessage(kind string, body []byte) *Message {
	if kind == "text/event-stream" {
		return lastEvent(body)
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if len(body) == 0 {
		return nil
	}
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		return &Message{Problem: "not JSON"}
	}
	if len(m.Result) == 0 && m.Error == nil {
		m.Problem = "neither a result nor an error"
		return &m
	}
	m.Rejected = report.Cell(mcp.RejectedMessage(body), maxReason)
	return &m
}

// lastEvent returns the last message of an event stream that is an answer.
func lastEvent(body []byte) (found *Message) {
	for event := range eventsIn(body) {
		if !event.IsMessage() {
			continue
		}
		if m := ParseMessage("", event.Data); m != nil && (found == nil || m.Problem == "") {
			found = m
		}
	}
	return found
}

// NamesEndpoint reports whether an event stream is one of HTTP+SSE: one of its events says
// where requests go.
func NamesEndpoint(body []byte) bool {
	for event := range eventsIn(body) {
		if event.Name == "endpoint" && len(event.Data) > 0 {
			return true
		}
	}
	return false
}

// eventsIn returns the whole events of a stream.
func eventsIn(body []byte) iter.Seq[sse.Event] {
	return func(yield func(sse.Event) bool) {
		var p sse.Parser
		for rest := body; len(rest) > 0; {
			event, after, ok, err := p.Next(rest)
			if err != nil || !ok || !yield(event) {
				return
			}
			rest = after
		}
	}
}

// Keep returns m as it is kept in the facts.
func (m *Message) Keep() *Message {
	if m == nil || len(m.Result) <= maxResult {
		return m
	}
	short := *m
	short.Result = json.RawMessage("null")
	return &short
}

// strings returns the strings of an array in the result.
func (m *Message) strings(member string) []string {
	var all map[string]json.RawMessage
	var list []string
	if m == nil || json.Unmarshal(m.Result, &all) != nil || json.Unmarshal(all[member], &list) != nil {
		return nil
	}
	return list
}

// greeting is the part of the result of initialize and server/discover that the
// rules read.
type greeting struct {
	Version      string                     `json:"protocolVersion"`
	Capabilities map[string]json.RawMessage `json:"capabilities"`
	Server       serverInfo                 `json:"serverInfo"`
	Meta         struct {
		Server serverInfo `json:"io.modelcontextprotocol/serverInfo"`
	} `json:"_meta"`
}

// serverInfo is the name of a server.
type serverInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Handshake decodes the result of initialize or server/discover. It is empty where
// the result cannot be decoded.
func (m *Message) Handshake() greeting {
	var h greeting
	if m != nil {
		_ = json.Unmarshal(m.Result, &h) // the rules judge the empty members
	}
	return h
}

func (s serverInfo) String() string { return strings.TrimSpace(s.Name + " " + s.Version) }

// QuoteJSON returns s as a JSON string.
func QuoteJSON(s string) string {
	data, _ := json.Marshal(s) // a string always can be
	return string(data)
}

// TextID returns the id of a message, which may be missing.
func (m *Message) TextID() string {
	if m == nil || len(m.ID) == 0 {
		return "none"
	}
	return string(m.ID)
}
