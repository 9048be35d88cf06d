package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// Exchange is the record of one exchange: whatever of it took place, also where it
// failed. Its Header and Body are as the server sent them, and are not trusted.
type Exchange struct {
	Method    string
	URL       string // without secrets
	Status    int    // 0 where no answer came
	Proto     string // "HTTP/1.1"
	Header    http.Header
	Body      []byte // its beginning
	Truncated bool   // there is more of the body
	Timing    Timing
	Remote    string // address of the server, or of the proxy
	TLS       *tls.ConnectionState
	Stage     Stage // at which it failed
	Err       error
}

// maxRecorded limits the body of a record where no limit is given.
const maxRecorded = 64 << 10

// Record does one exchange and records it, with at most maxBody bytes of its body; 0
// means 64 KiB. A body that is longer, or a stream, ends there. An error status is
// not an error, and no redirect is followed.
func (c *Client) Record(ctx context.Context, req *http.Request, maxBody int) *Exchange {
	return c.RecordUntil(ctx, req, maxBody, nil)
}

// linger is how long the end of a body may take after enough of it was read, so that the
// connection can be used again.
const linger = 200 * time.Millisecond

// RecordUntil is Record for a body that need not end: it ends soon after enough, which may be
// nil, reports true of a part of it.
func (c *Client) RecordUntil(ctx context.Context, req *http.Request, maxBody int, enough func(h http.Header, part []byte) bool) *Exchange {
	ctx, cancel := Within(ctx, c.cfg.Timeout)
	defer cancel()
	if maxBody <= 0 {
		maxBody = maxRecorded
	}
	x := &Exchange{Method: req.Method, URL: RedactURL(req.URL)}
	var remote atomic.Value // a dial that lost its race may still report
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { remote.Store(info.Conn.RemoteAddr().String()) },
	})
	var watch Stopwatch
	resp, err := c.http.Do(req.WithContext(watch.Watch(ctx))) //nolint:bodyclose // readBody does
	if err == nil {
		x.Status, x.Proto, x.Header, x.TLS = resp.StatusCode, resp.Proto, resp.Header, resp.TLS
		read := &untilReader{ReadCloser: resp.Body, cancel: cancel}
		if enough != nil {
			read.enough = func(part []byte) bool { return enough(resp.Header, part) }
		}
		err = x.readBody(read, maxBody)
	}
	x.Timing = watch.Stop()
	x.Remote, _ = remote.Load().(string)
	if err != nil {
		x.Err = Cause(err)
		if failed, ok := errors.AsType[*Error](err); ok {
			x.Stage = failed.Stage
		}
	}
	return x
}

// readBody reads the beginning of a body.
func (x *Exchange) readBody(body *untilReader, limit int) error {
	defer body.Close() //nolint:errcheck // it was read, or is abandoned
	content, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	x.Truncated = len(content) > limit
	if body.ending && err != nil {
		x.Truncated, err = true, nil
	}
	x.Body = content[:min(len(content), limit)]
	return err
}

// untilReader gives a body only a moment to end after enough of it was read.
type untilReader struct {
	io.ReadCloser

	enough func(part []byte) bool
	cancel func()
	ending bool
}

func (r *untilReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if !r.ending && r.enough != nil && n > 0 && r.enough(p[:n]) {
		r.ending = true
		time.AfterFunc(linger, r.cancel)
	}
	return n, err
}
