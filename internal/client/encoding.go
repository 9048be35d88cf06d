package client

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Decode returns body without the content encodings of header. Requests ask for none,
// but some servers pack all the same, and other clients read it.
func Decode(header http.Header, body io.ReadCloser) (io.ReadCloser, error) {
	packed := strings.Join(header.Values("Content-Encoding"), ",")
	names := strings.Split(strings.ToLower(packed), ",")
	if len(names) > maxEncodings {
		return nil, &ProtocolError{fmt.Sprintf("the answer has %d content encodings", len(names))}
	}
	for _, name := range slices.Backward(names) { // the last one was applied last
		name = strings.TrimSpace(name)
		if name == "" || name == "identity" {
			continue
		}
		open, ok := decoders[name]
		if !ok {
			return nil, &ProtocolError{fmt.Sprintf("the answer has the Content-Encoding %.20q, which mcpdiag neither asked for nor reads", packed)}
		}
		body = &unpacker{Closer: body, name: name, packed: source{Reader: body}, open: open}
	}
	return body, nil
}

// decoders has a decoder for each content encoding that official clients read.
var decoders = map[string]func(*bufio.Reader) (io.Reader, error){
	"gzip":    func(r *bufio.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	"x-gzip":  func(r *bufio.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	"deflate": inflate,
	"br":      func(r *bufio.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
	"zstd": func(r *bufio.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	},
}

// maxWindow is the window of zstd that RFC 9659 allows servers.
const maxWindow = 8 << 20

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
	name   string
	packed source
	open   func(*bufio.Reader) (io.Reader, error)
	plain  io.Reader
	err    error
}

// source remembers why its Reader failed, to tell that from data that is not valid.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (u *unpacker) Read(p []byte) (int, error) {
	if u.plain == nil && u.err == nil {
		in := bufio.NewReader(&u.packed)
		if _, u.err = in.Peek(1); u.err == nil { // an empty body is not packed
			u.plain, u.err = u.open(in)
		}
	}
	n, err := 0, u.err
	if err == nil {
		n, err = u.plain.Read(p)
	}
	switch {
	case u.packed.err != nil && err != nil:
		err = u.packed.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = &ProtocolError{fmt.Sprintf("the answer is not valid %s, which its Content-Encoding names: the data ends early", u.name)}
	case err != nil && !errors.Is(err, io.EOF):
		err = &ProtocolError{fmt.Sprintf("the answer is not valid %s, which its Content-Encoding names (%v)", u.name, err)}
	}
	return n, err
}
