package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// ProtocolError is an answer that is not HTTP/1.1.
type ProtocolError struct{ What string }

func (e *ProtocolError) Error() string { return "the answer is not HTTP/1.1: " + e.What }

// response is the answer of a Conn. Answers are much the same each time: the
// header of the one before is kept, and read anew only where it differs.
type response struct {
	http.Response
	head []byte
	body connBody
}

// maxInterim bounds the interim answers (status 1xx) before the answer.
const maxInterim = 10

// read reads the header of an answer.
func (r *response) read(c *Conn, req *http.Request) (*http.Response, error) {
	for range maxInterim {
		head, err := c.head()
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(head, r.head) {
			r.head = append(r.head[:0], head...)
			if err := r.parse(); err != nil {
				r.head = r.head[:0]
				return nil, err
			}
		}
		if r.StatusCode >= 200 {
			r.Request = req
			r.Body = &r.body
			r.body.begin(&r.Response, req.Method)
			return &r.Response, nil
		}
	}
	return nil, &ProtocolError{"too many interim answers"}
}

// head reads up to the empty line that ends a header, and returns it.
func (c *Conn) head() ([]byte, error) {
	for looked := 0; ; {
		if n := endOfHead(c.in[c.r+looked : c.w]); n >= 0 {
			head := c.in[c.r : c.r+looked+n]
			c.r += looked + n
			return head, nil
		}
		if c.w-c.r > maxHeader {
			return nil, &ProtocolError{fmt.Sprintf("its header is larger than %d KiB", maxHeader>>10)}
		}
		looked = max(c.w-c.r-3, 0)
		if err := c.fill(); err != nil {
			return nil, unexpected(err, c.w > c.r)
		}
		if c.timing.FirstByte == 0 {
			c.timing.FirstByte = time.Since(c.timing.Start)
		}
	}
}

// unexpected is err; an end within an answer is none that was expected.
func unexpected(err error, within bool) error {
	if within && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// endOfHead is where the header ends, its empty line included, or -1.
func endOfHead(data []byte) int {
	if n := bytes.Index(data, []byte("\n\r\n")); n >= 0 {
		return n + 3
	}
	if n := bytes.Index(data, []byte("\n\n")); n >= 0 {
		return n + 2
	}
	return -1
}

// parse reads the status line and the fields of r.head.
func (r *response) parse() error {
	line, rest, _ := strings.Cut(string(r.head), "\n")
	proto, status, _ := strings.Cut(strings.TrimRight(line, "\r"), " ")
	code, _, _ := strings.Cut(status, " ")
	n, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || n < 100 || proto != "HTTP/1.1" && proto != "HTTP/1.0" {
		return &ProtocolError{fmt.Sprintf("it begins with %q", line[:min(len(line), 40)])}
	}
	header := http.Header{}
	for field := range strings.SplitSeq(rest, "\n") {
		if field = strings.TrimRight(field, "\r"); field == "" {
			continue
		}
		name, value, ok := strings.Cut(field, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return &ProtocolError{fmt.Sprintf("its header has the line %q", field[:min(len(field), 40)])}
		}
		header.Add(textproto.CanonicalMIMEHeaderKey(name), strings.Trim(value, " \t"))
	}
	r.Response = http.Response{
		Status: status, StatusCode: n, Proto: proto, ProtoMajor: 1, ProtoMinor: int(proto[len(proto)-1] - '0'), Header: header,
	}
	return r.framing()
}

// framing finds out how the body ends.
func (r *response) framing() error {
	r.ContentLength = -1
	coding := r.Header.Values("Transfer-Encoding")
	lengths := r.Header.Values("Content-Length")
	r.Close = strings.EqualFold(r.Header.Get("Connection"), "close") || r.ProtoMinor == 0
	if packed := r.Header.Get("Content-Encoding"); packed != "" && !strings.EqualFold(packed, "identity") {
		return &ProtocolError{fmt.Sprintf("it is packed as %.20q, which was not asked for", packed)}
	}
	switch {
	case len(coding) == 1 && strings.EqualFold(coding[0], "chunked"):
		r.TransferEncoding = coding
		r.Close = r.Close || len(lengths) > 0 // who sends both may mean either
	case len(coding) > 0:
		return &ProtocolError{"its transfer encoding is not chunked"}
	case len(lengths) > 0:
		n, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil {
			return &ProtocolError{"its length is no number"}
		}
		for _, other := range lengths[1:] {
			if other != lengths[0] {
				return &ProtocolError{"it has two lengths"}
			}
		}
		r.ContentLength = int64(n) //nolint:gosec // 63 bits
	default:
		r.Close = true
	}
	return nil
}

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
	err     error // why it was given up
}

func (b *connBody) begin(r *http.Response, method string) {
	quota := b.conn.client.cfg.MaxBody
	*b = connBody{conn: b.conn, quota: quota, left: r.ContentLength, chunked: len(r.TransferEncoding) > 0, closing: r.Close, open: true}
	switch {
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

// maxLine bounds the line before a chunk, and those of a trailer.
const maxLine = 4 << 10

func (b *connBody) line() (string, error) {
	c := b.conn
	for {
		rest := c.in[c.r:c.w]
		if n := bytes.IndexByte(rest, '\n'); n >= 0 {
			c.r += n + 1
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
