package mcp

import (
	"context"
	"io"
	"net/http"
)

// Endpoint is where a server is and how it is reached: over HTTP at URL, or over
// the standard streams of a process.
type Endpoint struct {
	HTTP *http.Client
	URL  string
	// Line, where it is set, carries what a session does one after the other: a
	// connection of its own. What goes beside a call still goes over HTTP.
	Line http.RoundTripper
	// Start, where it is set, starts a server, or takes one that runs, and
	// returns its standard streams; URL and HTTP are not used then.
	Start func(context.Context) (io.ReadWriteCloser, error)
	// Check has answers read whole instead of as far as the verdict needs.
	Check bool
}

func (ep *Endpoint) do(req *http.Request) (*http.Response, error) {
	if ep.Line != nil {
		return ep.Line.RoundTrip(req)
	}
	return ep.HTTP.Do(req)
}

// transport carries the messages of one session.
type transport interface {
	// request sends x.body and waits for the message that answers it.
	request(ctx context.Context, x *exchange) error
	// notify sends a message that has no answer.
	notify(ctx context.Context, body []byte) error
	// negotiated tells which revision is spoken from now on.
	negotiated(era Era)
	// end ends the session so that the server knows.
	end(ctx context.Context) error
	// abandon lets go of the session without a word.
	abandon()
	// alive reports whether the session can go on.
	alive() bool
}

// exchange is one request and its answer.
type exchange struct {
	id           int64
	method, name string
	fields       http.Header // of this request alone; nil is none
	body         []byte
	message      []byte // the answer; it holds until the next exchange
	received     int64
}

// dial returns the transport that era and ep ask for.
func dial(ctx context.Context, ep Endpoint, era Era) (transport, error) {
	switch {
	case ep.Start != nil:
		return dialStdio(ctx, ep)
	case era.SSE:
		return dialSSE(ctx, ep)
	}
	return &streamable{ep: ep, era: era}, nil
}
