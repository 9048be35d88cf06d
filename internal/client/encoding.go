package client

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"slices"
	"strings"
)

// decoded returns the body of resp without its content encoding. None is asked
// for, but some servers pack all the same, and other clients read it.
func decoded(resp *http.Response) (io.ReadCloser, error) {
	packed := strings.Join(resp.Header.Values("Content-Encoding"), ",")
	names := strings.Split(strings.ToLower(packed), ",")
	if len(names) > maxEncodings {
		return nil, protocolError("it has %d content encodings", len(names))
	}
	body := resp.Body
	for _, name := range slices.Backward(names) { // the last one was applied last
		switch strings.TrimSpace(name) {
		case "", "identity":
		case "gzip", "x-gzip":
			body = &unpacker{Closer: body, packed: body, open: func(r *bufio.Reader) (io.Reader, error) { return gzip.NewReader(r) }}
		case "deflate":
			body = &unpacker{Closer: body, packed: body, open: inflate}
		default:
			return nil, protocolError("its Content-Encoding is %.20q, which was not asked for", packed)
		}
	}
	return body, nil
}

const maxEncodings = 5

// inflate reads deflate: in the format of zlib, or without it as some servers send it.
func inflate(r *bufio.Reader) (io.Reader, error) {
	head, err := r.Peek(2)
	if err == nil && head[0]&0xf == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(r)
	}
	return flate.NewReader(r), nil
}

// unpacker decodes a body. It opens the decoder at the first Read, since that
// waits for data.
type unpacker struct {
	io.Closer
	packed io.Reader
	open   func(*bufio.Reader) (io.Reader, error)
	plain  io.Reader
	err    error
}

func (u *unpacker) Read(p []byte) (int, error) {
	if u.plain == nil && u.err == nil {
		in := bufio.NewReader(u.packed)
		if _, u.err = in.Peek(1); u.err == nil { // an empty body is not packed
			u.plain, u.err = u.open(in)
		}
	}
	if u.err != nil {
		return 0, u.err
	}
	return u.plain.Read(p)
}
