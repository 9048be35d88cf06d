package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/mcp/sse"
)

// Messages that are sent verbatim: a load needs requests that a client library does not make.
const (
	initializeMessage  = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"mcpdiag","version":"1"}}}`
	initializedMessage = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	listMessage        = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`
	unknownMessage     = `{"jsonrpc":"2.0","id":%d,"method":"mcpdiag/no-such-method","params":{}}`
)

const accepts = "application/json, text/event-stream"

// maxRead bounds how much of an unused answer is read.
const maxRead = 1 << 20

// send sends one request and reads its answer. An error status is a *client.StatusError.
func (l *Load) send(ctx context.Context, method, url, body string, header http.Header) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", accepts)
	maps.Copy(req.Header, header)
	resp, err := l.ep.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end, or is given up
	if mcp.MediaType(resp.Header) == "text/event-stream" {
		readEvents(resp.Body)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRead)) // the status says enough
	if resp.StatusCode/100 != 2 {
		return resp.Header, client.NewStatusError(resp, nil)
	}
	return resp.Header, nil
}

// restTime is how long the rest of a stream may take after the answer: some servers leave
// it open.
const restTime = 50 * time.Millisecond

// readEvents reads a stream of events up to the answer, and closes it if its end does not
// follow.
func readEvents(stream io.ReadCloser) {
	events := sse.NewReader(stream, 0)
	for {
		e, err := events.Next()
		if err != nil {
			return
		}
		var m struct{ Method string }
		if e.IsMessage() && json.Unmarshal(e.Data, &m) == nil && m.Method == "" {
			time.AfterFunc(restTime, func() { _ = stream.Close() })
			return
		}
	}
}

// initialize sends initialize and returns the id of the session, "" if the server has none.
func (l *Load) initialize(ctx context.Context, header http.Header) (id string, err error) {
	answer, err := l.send(ctx, http.MethodPost, l.ep.URL, fmt.Sprintf(initializeMessage, l.era.Version), header)
	return answer.Get("Mcp-Session-Id"), err
}

// in returns the headers of a request in a session.
func (l *Load) in(id string) http.Header {
	h := http.Header{}
	if id != "" {
		h.Set("Mcp-Session-Id", id)
		h.Set("Mcp-Protocol-Version", l.era.Version)
	}
	return h
}

// end ends a session with DELETE.
func (l *Load) end(ctx context.Context, id string) error {
	_, err := l.send(ctx, http.MethodDelete, l.ep.URL, "", l.in(id))
	if s, ok := err.(*client.StatusError); ok && s.Code == http.StatusMethodNotAllowed { //nolint:errorlint // send made it
		return nil
	}
	return err
}

// begin sends initialize and initialized.
func (l *Load) begin(ctx context.Context) (id string, err error) {
	if id, err = l.initialize(ctx, nil); err != nil {
		return "", err
	}
	_, err = l.send(ctx, http.MethodPost, l.ep.URL, initializedMessage, l.in(id))
	return id, err
}

// root returns the address of path on the server.
func (l *Load) root(path string) string {
	u := *l.cfg.URL
	u.Path, u.RawQuery = path, ""
	return u.String()
}

func unknownRequest(id int64) string { return fmt.Sprintf(unknownMessage, id) }

// Get sends a GET request, for its effect on the server.
func (l *Load) Get(ctx context.Context, address string) error {
	_, err := l.send(ctx, http.MethodGet, address, "", nil)
	return err
}
