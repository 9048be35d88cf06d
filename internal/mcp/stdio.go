package mcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mcpdiag/mcpdiag/internal/mcp/lines"
)

// dialStdio speaks to a server over its standard streams: one message per line.
func dialStdio(ctx context.Context, ep Endpoint) (transport, error) {
	pipe, err := ep.Start(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	write := func(_ context.Context, body []byte) error {
		mu.Lock()
		defer mu.Unlock()
		_, err := pipe.Write(append(body, '\n'))
		return err
	}
	in := lines.NewReader(pipe, ep.maxMessage())
	next := func() ([]byte, error) {
		line, err := in.Next()
		if long, ok := errors.AsType[*lines.TooLongError](err); ok {
			err = fmt.Errorf("a message is larger than %d bytes; --max-body raises the limit", long.Limit)
		}
		return bytes.TrimSpace(line), err
	}
	l := newLink(write, next, sync.OnceFunc(func() { _ = pipe.Close() })) // it may be closed already
	if p, ok := pipe.(interface{ LastWords() string }); ok {
		l.lastWords = p.LastWords
	}
	return l, nil
}
