package rabbitmq

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
)

// header begins every connection of AMQP 0-9-1. The server answers with Connection.Start.
var header = []byte("AMQP\x00\x00\x09\x01")

// maxFrame bounds the answer, a table with some names.
const maxFrame = 64 << 10

// errNotAMQP says that something else answers.
var errNotAMQP = errors.New("the answer is not AMQP 0-9-1; is this the address of RabbitMQ, with the right port and the right scheme, amqp or amqps?")

// dial connects to the broker, with TLS if the address wants it.
func (a Address) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: checks.ConnectTime}
	if a.broker.Scheme == "amqps" {
		secure := tls.Dialer{NetDialer: &dialer, Config: a.tls}
		return secure.DialContext(ctx, "tcp", a.broker.Host)
	}
	return dialer.DialContext(ctx, "tcp", a.broker.Host)
}

// probe returns the names by which the server introduces itself before a login.
func (a Address) probe(ctx context.Context) (product, version string, err error) {
	conn, err := a.dial(ctx)
	if err != nil {
		return "", "", err
	}
	defer conn.Close() //nolint:errcheck // there is nothing to save
	if err := conn.SetDeadline(time.Now().Add(checks.ConnectTime)); err != nil {
		return "", "", err
	}
	if _, err := conn.Write(header); err != nil {
		return "", "", err
	}
	properties, err := readStart(conn)
	return properties["product"], properties["version"], err
}

// readStart reads the frame with Connection.Start and returns the properties of the
// server that are strings.
func readStart(r io.Reader) (map[string]string, error) {
	var head [7]byte
	if n, err := io.ReadFull(r, head[:]); err != nil {
		if n > 0 || errors.Is(err, io.EOF) {
			return nil, errNotAMQP
		}
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[3:])
	if head[0] != 1 || size > maxFrame || size < 6 {
		return nil, errNotAMQP
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, fmt.Errorf("reading what the server says of itself: %w", err)
	}
	if !bytes.HasPrefix(payload, []byte{0, 10, 0, 10}) { // the class and method of Connection.Start
		return nil, errNotAMQP
	}
	table, _, ok := cutLong(payload[6:])
	if !ok {
		return nil, errNotAMQP
	}
	return readTable(table), nil
}

// readTable returns the strings of a table, up to the first field of an unknown type.
func readTable(table []byte) map[string]string {
	all := map[string]string{}
	for len(table) > 1 {
		n := int(table[0])
		if len(table) < n+2 {
			break
		}
		name, kind, rest := string(table[1:1+n]), table[1+n], table[2+n:]
		value, after, ok := cutValue(kind, rest)
		if !ok {
			break
		}
		if kind == 'S' {
			all[name] = string(value)
		}
		table = after
	}
	return all
}

// sizes are those of the types of fields that have one.
var sizes = map[byte]int{'t': 1, 'b': 1, 'B': 1, 's': 2, 'u': 2, 'I': 4, 'i': 4, 'f': 4, 'D': 5, 'l': 8, 'L': 8, 'd': 8, 'T': 8, 'V': 0}

func cutValue(kind byte, data []byte) (value, rest []byte, ok bool) {
	switch size, fixed := sizes[kind]; {
	case fixed && len(data) >= size:
		return data[:size], data[size:], true
	case kind == 'S' || kind == 'F' || kind == 'A' || kind == 'x':
		return cutLong(data)
	}
	return nil, nil, false
}

// cutLong cuts a value that begins with its length.
func cutLong(data []byte) (value, rest []byte, ok bool) {
	if len(data) < 4 {
		return nil, nil, false
	}
	n := int64(binary.BigEndian.Uint32(data))
	if n > int64(len(data)-4) {
		return nil, nil, false
	}
	return data[4 : 4+n], data[4+n:], true
}
