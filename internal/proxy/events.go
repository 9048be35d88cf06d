package proxy

import "github.com/mcpdiag/mcpdiag/internal/mcp/sse"

// eventScanner hands the data of server-sent events, which pass in pieces of
// any size, to a scanner. It keeps only the endpoint event of HTTP+SSE.
type eventScanner struct {
	scan     *scanner
	endpoint func(uri []byte) // or nil
	numbered bool             // an event had an id: the stream can be resumed

	parser sse.Parser
	data   []byte // the beginning of the event's data, if endpoint is set
}

// Write scans the next piece.
func (e *eventScanner) Write(p []byte) {
	if e.parser.Sink == nil {
		e.parser.Sink = e.part
	}
	for {
		event, rest, ok, err := e.parser.Next(p)
		if err != nil || !ok {
			return
		}
		e.scan.end()
		e.numbered = e.numbered || event.ID != ""
		if event.Name == "endpoint" && e.endpoint != nil && len(e.data) > 0 {
			e.endpoint(e.data)
		}
		e.data, p = e.data[:0], rest
	}
}

// part scans a part of the data of an event.
func (e *eventScanner) part(p []byte) {
	e.scan.Write(p)
	if e.endpoint != nil {
		e.data = append(e.data, p[:min(len(p), maxValue-len(e.data))]...)
	}
}
