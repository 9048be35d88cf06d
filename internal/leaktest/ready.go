package leaktest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// tryEvery is the interval of attempts to connect to a starting server.
const tryEvery = 50 * time.Millisecond

// ready waits until the server answers an MCP handshake.
func (s *server) ready(ctx context.Context, cfg *Config) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Ready, errNotReady)
	defer cancel()
	var last error
	for {
		err := s.greet(ctx, cfg)
		if err == nil {
			s.settle(cfg, s.session)
			return nil
		}
		s.guess.ask(ctx, cfg, err)
		if last == nil || ctx.Err() == nil { // an attempt that was cut short says less than the one before
			last = err
		}
		if ctx.Err() != nil { // the end of the handshake may have ended the command
			return s.tooLate(ctx, cfg, last)
		}
		select {
		case g := <-s.guess.answer():
			if g.err == nil {
				s.settle(cfg, g.session)
				return nil
			}
			s.guess.last = g.err
		case <-s.child.Done():
			s.flush()
			return &unreadyError{fmt.Sprintf("the command ended before it spoke MCP: %s", s.child.Exit().Text), nil}
		case <-ctx.Done():
			return s.tooLate(ctx, cfg, last)
		case <-time.After(tryEvery):
		}
	}
}

// tooLate returns the error of a wait that has ended.
func (s *server) tooLate(ctx context.Context, cfg *Config, last error) error {
	if errors.Is(context.Cause(ctx), errNotReady) {
		return &unreadyError{s.unready(cfg, last), last}
	}
	return errors.New("interrupted while the server was starting")
}

// unreadyError means that a command was started and did not become ready. Its output
// may say why.
type unreadyError struct {
	text  string
	cause error
}

func (e *unreadyError) Error() string { return e.text }

func (e *unreadyError) Unwrap() error { return e.cause }

// unready says that the command was not ready in time, and why.
func (s *server) unready(cfg *Config, err error) string {
	if cfg.Stdio {
		return fmt.Sprintf("the command did not speak MCP over its standard streams within %s: %v; --ready-timeout waits longer", cfg.Ready, err)
	}
	why := err.Error()
	if client.IsRefused(err) {
		why = "nothing listens there"
	}
	hint := "--transport stdio is for a server that speaks on its standard streams, "
	if s.guess != nil {
		why, hint = s.guess.unready(why), ""
	}
	return fmt.Sprintf("the command did not speak MCP at %s within %s: %s; {port} in the command stands for the port to take, as in "+
		"-- env PORT={port} node server.js; %s--url says where it speaks MCP, --ready-timeout waits longer", where(cfg), cfg.Ready, why, hint)
}

var errNotReady = errors.New("not ready")

func where(cfg *Config) string {
	if cfg.Stdio {
		return "its standard streams"
	}
	return client.RedactURL(cfg.URL)
}

// greet makes one handshake.
func (s *server) greet(ctx context.Context, cfg *Config) error {
	patience := max(2*time.Second, cfg.Ready/3)
	if cfg.Stdio {
		patience = cfg.Ready // there is only one attempt: a late answer still counts
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ep := mcp.EndpointOver(cfg.Client, cfg.URL)
	if cfg.Stdio {
		ep = overStreams(cfg, s.conn)
	}
	session, err := mcp.Connect(ctx, ep, cfg.Protocol)
	if err != nil {
		return err
	}
	if cfg.Stdio {
		s.session = session
		return nil
	}
	_ = session.Close(ctx) // the server may not allow it
	return nil
}
