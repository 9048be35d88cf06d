package fastconn

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// response is the answer on a Conn. Answers are much alike: the header of the last
// one is kept, and parsed again only where the next one differs.
type response struct {
	http.Response
	head []byte // that Response was parsed from
	next []byte // of the answer being read
	body body
}

// maxInterim limits the interim answers (status 1xx) before the answer.
const maxInterim = 10

// read reads the header of an answer.
func (r *response) read(c *Conn, req *http.Request) (*http.Response, error) {
	for range maxInterim {
		if err := r.readHead(c); err != nil {
			return nil, err
		}
		if !bytes.Equal(r.next, r.head) {
			r.head = r.head[:0]
			if err := r.parse(req); err != nil {
				return nil, err
			}
			r.head = append(r.head, r.next...)
		}
		if r.StatusCode >= http.StatusOK || r.StatusCode == http.StatusSwitchingProtocols {
			r.Request = req
			r.Body = &r.body
			r.body.begin(&r.Response)
			return &r.Response, nil
		}
	}
	return nil, &client.ProtocolError{What: "the answer is not HTTP/1.1: too many interim answers"}
}

// readHead reads up to the empty line that ends a header, into r.next.
func (r *response) readHead(c *Conn) error {
	r.next = r.next[:0]
	for {
		line, err := c.in.ReadSlice('\n')
		if len(line) > 0 && !c.answered {
			c.answered = true
			c.timing.FirstByte = time.Since(c.timing.Start)
		}
		begin := len(r.next) == 0 || r.next[len(r.next)-1] == '\n'
		r.next = append(r.next, line...)
		switch {
		case len(r.next) == len(line) && len(line) >= len("HTTP/") && !bytes.HasPrefix(line, []byte("HTTP/")):
			return client.NotHTTP(bytes.TrimSpace(line))
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return unexpected(err, len(r.next) > 0)
		case len(r.next) > client.MaxHeader:
			return &client.ProtocolError{What: fmt.Sprintf("the answer is not HTTP/1.1: its header is larger than %d KiB", client.MaxHeader>>10)}
		case begin && len(r.next) > 2 && (string(line) == "\r\n" || string(line) == "\n"):
			return nil
		}
	}
}

// parse reads r.next as net/http does.
func (r *response) parse(req *http.Request) error {
	parsed, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(r.next)), req) //nolint:bodyclose // its body is read elsewhere
	if err != nil {
		return unexpected(err, true)
	}
	if parsed.StatusCode < http.StatusContinue {
		return &client.ProtocolError{What: fmt.Sprintf("the answer is not HTTP/1.1: its status is %03d", parsed.StatusCode)}
	}
	r.Response = *parsed
	return nil
}

// unexpected returns err; the end of the stream within an answer is unexpected.
func unexpected(err error, within bool) error {
	if within && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
