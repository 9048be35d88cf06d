package client

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
)

// switching answers 101 to each request and keeps the connection open.
func switching(t *testing.T) string {
	t.Helper()
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	return clienttest.Speak(t, func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = c.Write([]byte("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"))
		<-done
	})
}

// TestSwitchingProtocols checks that 101 ends an exchange at once.
func TestSwitchingProtocols(t *testing.T) {
	t.Parallel()
	address := switching(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c := newClient(t, Config{Timeout: 10 * time.Second})
	_, err := c.Get(ctx, address)
	var status *StatusError
	if !errors.As(err, &status) || status.Code != http.StatusSwitchingProtocols || !strings.Contains(err.Error(), "101 Switching Protocols") {
		t.Errorf("Get: error %v", err)
	}
	if ctx.Err() != nil {
		t.Error("an exchange lasted until its deadline")
	}
}
