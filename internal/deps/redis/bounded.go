package redis

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
)

// Bounds of the answers to the commands of one write. The client library allocates as
// much as a header announces, and reads arrays within arrays by recursion.
const (
	maxAnswer   = 32 << 20 // bytes
	maxText     = 16 << 20 // bytes of one string
	maxElements = 200_000  // of all arrays
	maxHeader   = 24       // bytes of a header that are kept
)

// errAnswer says that an answer is beyond the bounds.
var errAnswer = errors.New("the answer is larger than any answer of Redis; is this the address of a Redis server?")

// boundedConn reads the headers of answers before the client library does, and fails if
// a header announces too much.
type boundedConn struct {
	net.Conn
	read, elements, skip int64 // skip is the rest of a string
	header               []byte
}

// dial connects, with TLS if the address wants it.
func (s Server) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: checks.ConnectTime}
	if s.tls == nil {
		conn, err := dialer.DialContext(ctx, network, address)
		return &boundedConn{Conn: conn}, err
	}
	secure := tls.Dialer{NetDialer: &dialer, Config: s.tls}
	conn, err := secure.DialContext(ctx, network, address)
	return &boundedConn{Conn: conn}, err
}

// Write begins a new answer.
func (b *boundedConn) Write(p []byte) (int, error) {
	b.read, b.elements = 0, 0
	return b.Conn.Write(p)
}

func (b *boundedConn) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if b.read += int64(n); b.read > maxAnswer {
		return 0, errAnswer
	}
	for rest := p[:n]; len(rest) > 0; {
		if b.skip > 0 {
			k := min(b.skip, int64(len(rest)))
			rest, b.skip = rest[k:], b.skip-k
			continue
		}
		part, after, ended := bytes.Cut(rest, []byte("\n"))
		b.header = append(b.header, part[:min(len(part), maxHeader-len(b.header))]...)
		rest = after
		if ended && !b.announced() {
			return 0, errAnswer
		}
	}
	return n, err
}

// announced reads a header that ended and reports whether it keeps to the bounds.
func (b *boundedConn) announced() bool {
	header := string(bytes.TrimSuffix(b.header, []byte("\r")))
	b.header = b.header[:0]
	if header == "" || header[0] != '$' && header[0] != '*' {
		return true
	}
	n, err := strconv.ParseInt(header[1:], 10, 64)
	if err != nil {
		return false
	}
	if header[0] == '$' {
		b.skip = max(0, n+2)
		return n <= maxText
	}
	b.elements += max(1, n)
	return n <= maxElements && b.elements <= maxElements
}
