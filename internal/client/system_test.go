package client

import (
	"io"
	"net"
	"testing"
)

// TestSystemErrors makes the errors that connections end with, on each system.
func TestSystemErrors(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		conn, err := l.Accept()
		if err == nil {
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.(*net.TCPConn).SetLinger(0) // its end is a reset
			_ = conn.Close()
		}
		_ = l.Close()
	}()
	address := l.Addr().String()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write([]byte("x"))
	if _, err := io.ReadAll(conn); !IsReset(err) || IsRefused(err) {
		t.Errorf("%v is no reset", err)
	}
	_ = conn.Close()
	<-closed
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); !IsRefused(err) || IsReset(err) {
		t.Errorf("%v is no refusal", err)
	}
}
