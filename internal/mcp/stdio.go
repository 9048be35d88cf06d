package mcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/mcpdiag/mcpdiag/internal/mcp/lines"
)

// foreignLines are ignored by the official SDKs.
var foreignLines = deviation{"standard output has lines that are no MCP messages; hosts close the connection at such a line: write logs to standard error", byHosts}

// dialStdio speaks to a server over its standard streams: one message per line.
func dialStdio(ctx context.Context, ep Endpoint) (transport, error) {
	pipe, err := ep.Start(ctx)
	if err != nil {
		return nil, err
	}
	rest := &unfinished{Reader: pipe}
	in := lines.NewReader(rest, ep.maxMessage())
	next := func() ([]byte, error) {
		line, err := in.Next()
		if long, ok := errors.AsType[*lines.TooLongError](err); ok {
			err = fmt.Errorf("a message is larger than %d bytes; --max-body raises the limit", long.Limit)
		}
		return bytes.TrimSpace(line), err
	}
	l := newLink(newLineWriter(pipe).write, next, sync.OnceFunc(func() { _ = pipe.Close() })) // it may be closed already
	l.unfinished, l.foreign = rest.String, []deviation{foreignLines}
	if p, ok := pipe.(interface{ Instead() string }); ok {
		l.instead = p.Instead
	}
	return l, nil
}

// unfinished remembers the beginning of the line that its Reader has not ended. It is
// safe for concurrent use.
type unfinished struct {
	io.Reader
	mu   sync.Mutex
	line []byte
}

func (u *unfinished) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	u.mu.Lock()
	defer u.mu.Unlock()
	data := p[:n]
	if end := bytes.LastIndexByte(data, '\n'); end >= 0 {
		u.line, data = u.line[:0], data[end+1:]
	}
	u.line = append(u.line, data[:min(len(data), maxQuote+1-len(u.line))]...)
	return n, err
}

// String describes the line for an error, "" where there is none.
func (u *unfinished) String() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(bytes.TrimSpace(u.line)) == 0 {
		return ""
	}
	return "; its output ends in a line without an end: " + quote(u.line)
}
