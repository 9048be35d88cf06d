// Package clienttest starts servers for tests that send bytes which net/http would not.
package clienttest

import (
	"context"
	"net"
	"sync"
	"testing"
)

// Speak serves each connection with answer, then closes it, until the end of the test.
// It returns the URL of the server.
func Speak(t testing.TB, answer func(net.Conn)) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close() //nolint:errcheck // the test is done with it
				answer(conn)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// Memory is a listener whose connections are pipes within the process: virtual time
// passes on them.
type Memory struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// NewMemory returns a listener that is open until Close.
func NewMemory() *Memory { return &Memory{conns: make(chan net.Conn), done: make(chan struct{})} }

// Accept implements net.Listener.
func (m *Memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (m *Memory) Close() error { m.once.Do(func() { close(m.done) }); return nil }

// Addr implements net.Listener.
func (m *Memory) Addr() net.Addr { return &net.TCPAddr{} }

// Dial connects to m, whatever the address is.
func (m *Memory) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, its := net.Pipe()
	select {
	case m.conns <- its:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-m.done:
		return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
	}
}
