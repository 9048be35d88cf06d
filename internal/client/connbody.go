package client

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// connBody is the body of an answer of a Conn.
type connBody struct {
	conn    *Conn
	left    int64 // of the length, or of the chunk
	quota   int64 // of what is read of it
	chunked bool
	inBody  bool // a chunk was read: the next line end is its own
	closing bool // the connection ends with it
	done    bool
	open    bool
	between int64 // bytes between chunks, and in the trailer, beyond what the chunks account for
	err     error // why it was given up
}

func (b *connBody) begin(r *http.Response, method string) {
	quota := b.conn.client.cfg.MaxBody
	*b = connBody{conn: b.conn, quota: quota, left: r.ContentLength, chunked: len(r.TransferEncoding) > 0, closing: r.Close, open: true}
	switch {
	case r.StatusCode == http.StatusSwitchingProtocols:
		b.left, b.chunked, b.closing = 0, false, true
	case r.StatusCode == http.StatusNoContent || r.StatusCode == http.StatusNotModified || method == http.MethodHead:
		b.left, b.chunked, b.closing = 0, false, b.closing && r.Header.Get("Connection") != ""
	case b.chunked:
		b.left = 0
	case b.left < 0:
		b.left = math.MaxInt64
	}
	b.done = b.left == 0 && !b.chunked
}

// Read reads the body, decoded.
func (b *connBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.done || !b.open {
		return 0, io.EOF
	}
	n, err := b.read(p)
	b.quota -= int64(n)
	switch {
	case b.quota < 0:
		err = &TooLargeError{Limit: b.conn.client.cfg.MaxBody}
	case err == nil || b.done:
		return n, err
	}
	var large *TooLargeError
	var protocol *ProtocolError
	if !errors.As(err, &large) && !errors.As(err, &protocol) {
		err = &Error{Stage: StageBody, Err: err, timeout: b.conn.client.cfg.Timeout}
	}
	b.open, b.err = false, err // the body and its connection are given up
	b.conn.drop()
	return n, err
}

func (b *connBody) read(p []byte) (n int, err error) {
	for n < len(p) && !b.done {
		if b.chunked && b.left == 0 {
			if n > 0 && !b.chunkIsThere() {
				return n, nil
			}
			if err := b.chunk(); err != nil {
				return n, err
			}
			continue
		}
		c := b.conn
		if c.r == c.w {
			if n > 0 {
				return n, nil
			}
			if want := min(int64(len(p)), b.left); want > int64(len(c.in)) {
				m, err := c.wire.Read(p[:want]) // what is long need not pass through the buffer
				b.left -= int64(m)
				b.done = b.left == 0 && !b.chunked
				if m > 0 {
					err = nil
				}
				return m, b.ended(err)
			}
			if err := c.fill(); err != nil {
				return n, b.ended(err)
			}
		}
		m := copy(p[n:], c.in[c.r:min(int64(c.w), int64(c.r)+min(b.left, math.MaxInt32))])
		c.r, n, b.left = c.r+m, n+m, b.left-int64(m)
		b.done = b.left == 0 && !b.chunked
	}
	if b.done {
		return n, io.EOF
	}
	return n, nil
}

// ended is what the end of the connection means for the body.
func (b *connBody) ended(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) && !b.chunked && b.left > math.MaxInt64/2 {
		b.done = true // it has no length: this is how it ends
		return io.EOF
	}
	return unexpected(err, true)
}

// chunkIsThere reports whether what begins the next chunk, or ends the body, was
// received: then reading it takes no time.
func (b *connBody) chunkIsThere() bool {
	rest := b.conn.in[b.conn.r:b.conn.w]
	if bytes.HasPrefix(rest, []byte("\r\n0")) {
		return bytes.Contains(rest, []byte("\r\n\r\n"))
	}
	return len(rest) > 2 && bytes.IndexByte(rest[2:], '\n') >= 0
}

// chunk reads the line that begins a chunk; after the last one, the trailer.
func (b *connBody) chunk() error {
	if b.inBody {
		if line, err := b.line(); err != nil || line != "" {
			return badChunk(err)
		}
	}
	line, err := b.line()
	if err != nil {
		return badChunk(err)
	}
	size, _, _ := strings.Cut(line, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(size), 16, 62)
	if err != nil {
		return badChunk(nil)
	}
	b.left, b.inBody = int64(n), true //nolint:gosec // 62 bits
	if n > 0 {
		b.between = max(0, b.between-usualBetween-b.left)
		return nil
	}
	for {
		if line, err = b.line(); err != nil {
			return badChunk(err)
		}
		if line == "" {
			b.done = true
			return nil
		}
	}
}

func badChunk(err error) error {
	if err == nil {
		return &ProtocolError{"its chunks are not in order"}
	}
	return err
}

// What is between chunks is no part of the body, so that no limit on the body
// bounds it: lines before chunks, whose extensions are passed over, and a trailer.
const (
	maxLine      = 4 << 10  // bytes of one line
	maxBetween   = 16 << 10 // bytes of them all, less those that chunks account for
	usualBetween = 16       // bytes that any chunk accounts for, beside one for each of its own
)

func (b *connBody) line() (string, error) {
	c := b.conn
	for {
		rest := c.in[c.r:c.w]
		if n := bytes.IndexByte(rest, '\n'); n >= 0 {
			c.r += n + 1
			if b.between += int64(n) + 1; b.between > maxBetween {
				return "", &ProtocolError{"there is too much between its chunks"}
			}
			return chunkLine(bytes.TrimRight(rest[:n], "\r")), nil
		}
		if len(rest) > maxLine {
			return "", &ProtocolError{"a line between its chunks does not end"}
		}
		if err := c.fill(); err != nil {
			return "", unexpected(err, true)
		}
	}
}

// chunkLine is string(line), which costs nothing for the two usual ones.
func chunkLine(line []byte) string {
	switch string(line) {
	case "":
		return ""
	case "0":
		return "0"
	}
	return string(line)
}

// The rest of an answer that nobody wants is read, so that the connection can be
// used again, where it is short and comes soon.
const (
	maxRest  = 4 << 10
	restTime = 250 * time.Millisecond
)

// Close ends the answer.
func (b *connBody) Close() error {
	if !b.open {
		return nil
	}
	if !b.done {
		b.rest()
	}
	if !b.open {
		return nil
	}
	b.open = false
	b.conn.used = time.Now()
	if b.closing || !b.done {
		b.conn.drop()
	}
	return nil
}

func (b *connBody) rest() {
	if !b.chunkIsThere() {
		_ = b.conn.wire.SetReadDeadline(time.Now().Add(restTime)) // where it fails, Read does
	}
	var buf [512]byte
	for n := 0; n < maxRest && !b.done && b.open; {
		m, err := b.Read(buf[:])
		if n += m; err != nil {
			return
		}
	}
}
