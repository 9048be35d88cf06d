package fastconn

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// body is the body of an answer on a Conn.
type body struct {
	conn    *Conn
	source  io.Reader // nil after the end
	limited io.LimitedReader
	chunked bool
	closing bool // the connection ends with the answer
	open    bool
}

// begin prepares the body of r.
func (b *body) begin(r *http.Response) {
	in := b.conn.in
	*b = body{conn: b.conn, open: true, chunked: len(r.TransferEncoding) > 0, closing: r.Close || r.StatusCode == http.StatusSwitchingProtocols}
	switch {
	case b.chunked:
		b.source = httputil.NewChunkedReader(in)
	case r.ContentLength > 0:
		b.limited = io.LimitedReader{R: in, N: r.ContentLength}
		b.source = &b.limited
	case r.ContentLength < 0:
		b.closing, b.source = true, in
	}
}

// Read reads the body without its transfer encoding.
func (b *body) Read(p []byte) (int, error) {
	if b.source == nil || !b.open {
		return 0, io.EOF
	}
	n, err := b.source.Read(p)
	if b.source == &b.limited && (err == nil || errors.Is(err, io.EOF)) {
		switch {
		case b.limited.N == 0:
			err = io.EOF
		case err != nil:
			err = io.ErrUnexpectedEOF
		}
	}
	if errors.Is(err, io.EOF) && b.chunked {
		if trailer := b.trailer(); trailer != nil {
			err = trailer
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		b.source = nil
	case err != nil:
		b.open = false
		b.conn.drop()
	}
	return n, err
}

// maxTrailer limits the lines after the last chunk.
const maxTrailer = 4 << 10

// trailer reads the lines after the last chunk up to an empty one.
func (b *body) trailer() error {
	for size := 0; size < maxTrailer; {
		line, err := b.conn.in.ReadSlice('\n')
		if err != nil {
			return unexpected(err, true)
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return nil
		}
		size += len(line)
	}
	return &client.ProtocolError{What: "the answer is not HTTP/1.1: its trailer is too large"}
}

// The rest of a body that is not wanted is read where it is short and arrives
// soon, so that the connection can be reused. A server that leaves its answers open is waited
// for less each time, since the wait would delay the next call.
const (
	maxRest   = 4 << 10
	restTime  = 250 * time.Millisecond
	restLeast = 5 * time.Millisecond
)

// Close ends the answer.
func (b *body) Close() error {
	if !b.open {
		return nil
	}
	if b.source != nil && !b.closing {
		b.readRest()
	}
	if b.open && (b.closing || b.source != nil) {
		b.conn.drop()
	}
	b.open = false
	return nil
}

func (b *body) readRest() {
	wait := max(restLeast, restTime>>min(b.conn.leftOpen, 6))
	defer func() {
		if b.conn.leftOpen++; b.source == nil {
			b.conn.leftOpen = 0
		}
	}()
	_ = b.conn.wire.SetReadDeadline(time.Now().Add(wait)) // where it fails, Read does
	var buf [512]byte
	for n := 0; n < maxRest && b.source != nil && b.open; {
		m, err := b.Read(buf[:])
		if n += m; err != nil {
			return
		}
	}
}
