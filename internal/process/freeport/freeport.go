// Package freeport finds a port for a command that is started next.
package freeport

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
)

// The range of Find: below the ports that systems give to listeners on port 0 and to
// outgoing connections, since another program may get one of those first.
const (
	lowest = 20_000
	ports  = 10_000
)

// Find returns a port of loopback on which nobody listens.
func Find(ctx context.Context) (int, error) {
	var err error
	for range ports {
		port := lowest + rand.IntN(ports)
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("looking for a free port: %w", err)
}
