package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// Held counts the sessions of a database. Idle are those that are idle in a
// transaction, -1 if the role may not see the state of all sessions.
type Held struct{ Connections, Idle float64 }

// ReadHeld connects, counts the sessions of the database but those of mcpdiag, and closes the connection.
func ReadHeld(ctx context.Context, server *pgconn.Config) (Held, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	s, err := connect(ctx, server)
	if err != nil {
		return Held{}, errors.New(causeOf(err))
	}
	defer s.close()
	rows, err := s.ask(ctx, heldSessions)
	if err != nil {
		return Held{}, err
	}
	held := Held{rows[0].number(0), rows[0].number(1)}
	if rows[0].number(2) > 0 {
		held.Idle = -1
	}
	return held, nil
}
