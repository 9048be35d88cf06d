package redis

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// Held counts the connections to a server, without the connection that asks, and the keys of
// all databases that never expire: others are not held for longer than they should be.
type Held struct{ Connections, Keys float64 }

// ReadHeld connects, counts, and closes the connection.
func ReadHeld(ctx context.Context, server Server) (Held, error) {
	s, err := connect(ctx, server)
	if err != nil {
		return Held{}, errors.New(causeOf(err))
	}
	defer s.close()
	f, err := s.info(ctx)
	if err != nil {
		return Held{}, err
	}
	held := Held{Connections: max(0, f.number("connected_clients")-1)}
	for name, value := range f {
		if strings.HasPrefix(name, "db") && strings.HasPrefix(value, "keys=") { // db0:keys=3,expires=1,avg_ttl=0
			n, rest, _ := strings.Cut(strings.TrimPrefix(value, "keys="), ",")
			expires, _, _ := strings.Cut(strings.TrimPrefix(rest, "expires="), ",")
			all, _ := strconv.ParseFloat(n, 64) // 0 where the server sends no number
			expiring, _ := strconv.ParseFloat(expires, 64)
			held.Keys += max(0, all-expiring)
		}
	}
	return held, nil
}
