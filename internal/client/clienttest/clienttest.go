// Package clienttest starts servers for tests that send what net/http would not.
package clienttest

import (
	"net"
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
