package mcp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// dialStdio speaks to a server over its standard streams: one message a line.
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
	lines := bufio.NewReaderSize(pipe, 16<<10)
	stop := sync.OnceFunc(func() { _ = pipe.Close() }) // that it is gone already is fine
	return newLink(write, func() ([]byte, error) { return readLine(lines) }, stop), nil
}

// readLine reads a line, without white space around it.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = r.ReadSlice('\n')
			if long = append(long, line...); len(long) > maxEvent {
				return nil, fmt.Errorf("a message is longer than %d MiB", maxEvent>>20)
			}
		}
		line = long
	}
	if err != nil && (!errors.Is(err, io.EOF) || len(bytes.TrimSpace(line)) == 0) {
		return nil, err
	}
	return bytes.TrimSpace(line), nil
}
