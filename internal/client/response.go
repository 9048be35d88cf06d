package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
		if r.StatusCode >= http.StatusOK || r.StatusCode == http.StatusSwitchingProtocols {
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
	for at := 0; ; {
		n := bytes.IndexByte(data[at:], '\n')
		if n < 0 {
			return -1
		}
		at += n + 1
		switch rest := data[at:]; {
		case bytes.HasPrefix(rest, []byte("\n")):
			return at + 1
		case bytes.HasPrefix(rest, []byte("\r\n")):
			return at + 2
		}
	}
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
	case len(coding) > 0 && r.ProtoMinor == 0:
		return &ProtocolError{"it is HTTP/1.0 and has a transfer encoding"}
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
