package client

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
)

// decoded returns the body of resp without its content encoding. None is asked
// for, but some servers pack all the same, and other clients read it.
func decoded(resp *http.Response) (io.ReadCloser, error) {
	packed := resp.Header.Get("Content-Encoding")
	switch strings.ToLower(strings.TrimSpace(packed)) {
	case "", "identity":
		return resp.Body, nil
	case "gzip", "x-gzip":
		return &unpacker{Closer: resp.Body, packed: resp.Body, open: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }}, nil
	case "deflate":
		return &unpacker{Closer: resp.Body, packed: resp.Body, open: func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }}, nil
	}
	return nil, protocolError("its Content-Encoding is %.20q, which was not asked for", packed)
}

// unpacker decodes a body. It opens the decoder at the first Read, since that
// waits for data.
type unpacker struct {
	io.Closer
	packed io.Reader
	open   func(io.Reader) (io.Reader, error)
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
