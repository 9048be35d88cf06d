package deps

import (
	"context"
	"crypto/tls"
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/deps/postgres"
	"github.com/mcpdiag/mcpdiag/internal/deps/redis"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// The counts that clients hold on the servers that an MCP server depends on, read beside a
// load.
const (
	PostgresConnections = "PostgreSQL connections"
	PostgresIdle        = "PostgreSQL sessions idle in transaction"
	RedisConnections    = "Redis connections"
	RedisKeys           = "Redis keys that never expire"
)

// Held reads the counts of the servers, by the names above. A count that the user
// may not see is absent. trust is that of Redis.
func Held(ctx context.Context, targets []Target, trust *tls.Config) (map[string]float64, error) {
	all := map[string]float64{}
	for _, t := range targets {
		if err := t.held(ctx, trust, all); err != nil {
			return nil, fmt.Errorf("counting what is held on %s: %w", report.Line(t.Origin), err)
		}
	}
	return all, nil
}

// held adds the counts of a server to all.
func (t Target) held(ctx context.Context, trust *tls.Config, all map[string]float64) error {
	if t.Kind == Redis {
		server, err := redis.Parse(t.Address)
		if err != nil {
			return err
		}
		h, err := redis.ReadHeld(ctx, server.WithTLS(trust))
		if err != nil {
			return err
		}
		all[RedisConnections] += h.Connections
		all[RedisKeys] += h.Keys
		return nil
	}
	server, err := postgres.Parse(t.Address)
	if err != nil {
		return err
	}
	h, err := postgres.ReadHeld(ctx, server)
	if err != nil {
		return err
	}
	all[PostgresConnections] += h.Connections
	if h.Idle >= 0 {
		all[PostgresIdle] += h.Idle
	}
	return nil
}
