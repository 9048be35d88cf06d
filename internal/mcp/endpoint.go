package mcp

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp/sse"
)

// Endpoint says where a server is and how to reach it: over HTTP at URL, or over the
// standard streams of a process.
type Endpoint struct {
	HTTP *http.Client
	URL  string
	// Line carries the requests of one session, which follow each other, on a
	// connection of its own. Other requests still go over HTTP. It may be nil.
	Line http.RoundTripper
	// Start starts a server and returns its standard streams. URL and HTTP are not
	// used then. An error of reading should say why the server ended.
	Start func(context.Context) (io.ReadWriteCloser, error)
	// Running says that Start returns the streams of a server that cannot be started
	// again: it is not asked anything before initialize.
	Running bool
	// MaxMessage limits a message in bytes; 0 means 16 MiB.
	MaxMessage int64
	// Check makes deviations that the official clients reject errors, and reads
	// answers completely instead of as far as the outcome requires.
	Check bool
}

// EndpointOver returns the server at address as c reaches it, with the limit of c on
// messages.
func EndpointOver(c *client.Client, address *url.URL) Endpoint {
	return Endpoint{HTTP: c.HTTP(), URL: address.String(), MaxMessage: c.MaxBody()}
}

func (ep *Endpoint) do(req *http.Request) (*http.Response, error) {
	if ep.Line != nil {
		return ep.Line.RoundTrip(req)
	}
	return ep.HTTP.Do(req)
}

func (ep *Endpoint) maxMessage() int {
	if ep.MaxMessage <= 0 {
		return sse.DefaultMax
	}
	return int(ep.MaxMessage)
}

// transport carries the messages of one session.
type transport interface {
	// request sends x.body and waits for the message that answers it.
	request(ctx context.Context, x *exchange) error
	// notify sends a message that has no answer.
	notify(ctx context.Context, body []byte) error
	// speak sets the revision of all that follows, which may be agreed on or only asked for.
	speak(era Era, agreed bool)
	// end ends the session so that the server knows.
	end(ctx context.Context) error
	// abandon drops the session without telling the server.
	abandon()
	// alive reports whether the session can go on.
	alive() bool
	// secrets returns the id of the session, which must not be shown.
	secrets() client.Secrets
}

// exchange is one request and its answer.
type exchange struct {
	id           int64
	method, name string
	fields       http.Header // of this request alone; may be nil
	body         []byte
	message      []byte    // the answer, valid until the next exchange
	at           time.Time // when it was complete, zero if nothing was read after it
	received     int64
	deviations   []deviation // of the transport
}

// noteArray notes that the answer, a line or an event, is an array.
func (x *exchange) noteArray() {
	if bytes.HasPrefix(x.message, []byte("[")) {
		x.deviations = append(x.deviations, deviation{"lines or events carry arrays of messages", bySDK})
	}
}

// dial returns the transport for era and ep.
func dial(ctx context.Context, ep Endpoint, era Era) (transport, error) {
	switch {
	case ep.Start != nil:
		return dialStdio(ctx, ep)
	case era.SSE:
		return dialSSE(ctx, ep)
	}
	return &streamable{ep: ep, era: era}, nil
}
