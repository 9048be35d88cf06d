package proxy

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxEndpoint bounds the event that is held back to be rewritten, in bytes.
const maxEndpoint = 4 << 10

// endpointBody is an event stream in which the endpoint event of HTTP+SSE names no
// address of the server: the first such event is rewritten, if it begins with its name
// and is one line of data. From its name on it is held back until it is complete, which
// a client waits for, too. All other bytes pass as they come, and unchanged.
type endpointBody struct {
	io.ReadCloser
	tracker *tracker
	to      *url.URL

	ready []byte // to be read
	held  []byte // possibly the beginning of the endpoint event
	maybe bool   // the current line may be its name
	named bool   // it has its name
	line  int    // bytes of the current line
	cr    bool   // after a carriage return
	done  bool   // the endpoint event has come
	err   error  // with which the stream ended
}

// localizeEndpoint lets the endpoint event of a stream lead to the proxy.
func (f *forwarder) localizeEndpoint(resp *http.Response) {
	resp.Body = &endpointBody{ReadCloser: resp.Body, tracker: f.tracker, to: f.to}
	resp.ContentLength = -1
	resp.Header.Del("Content-Length")
}

// Read implements io.Reader.
func (b *endpointBody) Read(p []byte) (int, error) {
	for len(b.ready) == 0 && b.err == nil {
		if b.done {
			return b.ReadCloser.Read(p)
		}
		n, err := b.ReadCloser.Read(p)
		b.take(p[:n])
		if b.err = err; err != nil {
			b.ready, b.held = append(b.ready, b.held...), nil
		}
	}
	if len(b.ready) == 0 {
		return 0, b.err
	}
	n := copy(p, b.ready)
	if b.ready = b.ready[n:]; len(b.ready) == 0 {
		b.ready = nil // the stream may last for hours
	}
	return n, nil
}

// take takes a piece of the stream. A fault of it lets the piece pass.
func (b *endpointBody) take(p []byte) {
	defer b.tracker.rescue()
	before, whole := slices.Clone(b.held), false
	defer func() {
		if !whole {
			b.ready, b.held, b.done = slices.Concat(before, p), nil, true
		}
	}()
	for i, c := range p {
		if b.done {
			b.ready = append(b.ready, p[i:]...)
			break
		}
		b.held = append(b.held, c)
		b.step(c)
		if !b.named && !b.maybe {
			b.pass()
		}
	}
	whole = true
}

// step follows the lines of the stream.
func (b *endpointBody) step(c byte) {
	after := b.cr
	b.cr = c == '\r'
	switch {
	case c == '\n' && after:
	case (c == '\n' || c == '\r') && b.named && b.line == 0:
		b.endEvent()
	case c == '\n' || c == '\r':
		b.named = b.named || b.maybe && isEndpointName(b.held[:len(b.held)-1])
		b.maybe, b.line = false, 0
	default:
		b.line++
		b.maybe = !b.named && (b.maybe || b.line == 1) && mayBeEndpointName(b.held)
		b.named = b.named && len(b.held) <= maxEndpoint
	}
}

// The line that names the endpoint event, in its two forms.
const endpointName, endpointNameShort = "event: endpoint", "event:endpoint"

func isEndpointName(line []byte) bool {
	return string(line) == endpointName || string(line) == endpointNameShort
}

func mayBeEndpointName(line []byte) bool {
	return strings.HasPrefix(endpointName, string(line)) || strings.HasPrefix(endpointNameShort, string(line))
}

// pass lets the bytes that are held go.
func (b *endpointBody) pass() { b.ready, b.held = append(b.ready, b.held...), b.held[:0] }

// endEvent lets the endpoint event go, with a local address.
func (b *endpointBody) endEvent() {
	if data := dataLine(b.held); len(data) > 0 {
		b.done = true
		if local, ok := localReference(b.to, string(data)); ok {
			b.held = bytes.Replace(b.held, data, []byte(local), 1)
		}
	}
	b.pass()
	b.named = false
}

// dataLine returns the data of an event if it is one line, else nil.
func dataLine(event []byte) (data []byte) {
	for line := range bytes.FieldsFuncSeq(event, func(r rune) bool { return r == '\n' || r == '\r' }) {
		value, ok := bytes.CutPrefix(line, []byte("data:"))
		if ok && data != nil {
			return nil
		}
		if ok {
			data = bytes.TrimPrefix(value, []byte(" "))
		}
	}
	return data
}
