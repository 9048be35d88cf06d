package fastconn

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// encode writes the request into c.out.
func (c *Conn) encode(req *http.Request) error {
	if req.URL != c.uriOf {
		if !client.SameOrigin(req.URL, c.target) {
			return errors.New("a connection reaches its own server only")
		}
		c.uri, c.uriOf = req.URL.RequestURI(), req.URL
	}
	c.out = append(c.out[:0], req.Method...)
	c.out = append(c.out, ' ')
	c.out = append(c.out, c.uri...)
	c.out = append(c.out, " HTTP/1.1\r\n"...)
	c.out = append(c.out, c.common...)
	for name, values := range req.Header {
		if _, set := c.fixed[name]; set {
			continue
		}
		for _, v := range values {
			c.out = appendField(c.out, name, v)
		}
	}
	if req.Body != nil || req.Method == http.MethodPost {
		c.out = append(c.out, "Content-Length: "...)
		c.out = strconv.AppendInt(c.out, req.ContentLength, 10)
		c.out = append(c.out, "\r\n"...)
	}
	c.out = append(c.out, "\r\n"...)
	if req.Body == nil {
		return nil
	}
	_, err := io.Copy((*appender)(&c.out), req.Body)
	return errors.Join(err, req.Body.Close())
}

// appendField appends a header line. Control characters are left out, so that a
// value cannot end its line.
func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	for i := 0; i < len(value); i++ {
		if b := value[i]; b >= ' ' && b != 0x7f || b == '\t' {
			dst = append(dst, b)
		}
	}
	return append(dst, "\r\n"...)
}

// appender is a writer onto the end of a slice.
type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}
