package mcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// Connect finds out how to speak to a server and opens the first session. It probes
// with server/discover, as the modern revision has it; a server that does not know
// it gets initialize, and at last HTTP+SSE is tried. With a version it asks for that
// one; if the server speaks another, the error is a *RevisionError.
func Connect(ctx context.Context, ep Endpoint, version string) (*Session, error) {
	if version == "" {
		return negotiate(ctx, ep)
	}
	asked := Era{Version: version, SSE: version == rev1105}
	if ep.Running {
		return connectRunning(ctx, ep, asked)
	}
	s, err := Open(ctx, ep, asked)
	refused := err
	if err == nil && !s.era.Sessions() {
		refused = s.confirmModern(ctx, ep)
	}
	if refused == nil || !isAnswer(refused) {
		return s, err
	}
	other, otherErr := negotiate(ctx, ep)
	if otherErr != nil {
		return s, err // nothing better is known
	}
	if s != nil {
		s.Abandon()
	}
	if other.era.Version == version {
		return other, nil
	}
	_ = other.Close(ctx) // it served to find out the revision
	return nil, &RevisionError{Asked: version, Speaks: other.era.Version}
}

// connectRunning opens the session of a server that cannot be started again. All that it
// is asked goes over this session: another one would take its answers.
func connectRunning(ctx context.Context, ep Endpoint, asked Era) (*Session, error) {
	s, err := newSession(ctx, ep, asked)
	if err != nil {
		return nil, err
	}
	err = s.initialize(ctx, asked)
	refused := err
	if err == nil && !asked.Sessions() {
		refused = s.confirmModern(ctx, ep)
	}
	if refused != nil && isAnswer(refused) {
		otherErr := s.handshake(ctx, ep, Era{Version: Legacy})
		switch {
		case otherErr == nil && s.era.Version == asked.Version:
			return s, nil
		case otherErr == nil:
			err = &RevisionError{Asked: asked.Version, Speaks: s.era.Version}
		case err == nil && s.Alive():
			err = s.initialize(ctx, asked) // nothing better is known
		case err == nil:
			err = otherErr
		}
	}
	if err != nil {
		s.Abandon()
		return nil, err
	}
	return s, nil
}

// RevisionError says that a server does not speak the revision that it was asked for.
type RevisionError struct{ Asked, Speaks string }

func (e *RevisionError) Error() string {
	return fmt.Sprintf("the server speaks MCP %s, not %s; --protocol %[1]s asks for that, --protocol auto negotiates", e.Speaks, e.Asked)
}

// confirmModern returns an error if the server does not say that it speaks the
// modern revision. It may speak it all the same.
func (s *Session) confirmModern(ctx context.Context, ep Endpoint) error {
	era, err := s.probe(ctx, ep)
	if err != nil {
		return err
	}
	if era.Sessions() {
		return malformed("server/discover does not name %s", Modern)
	}
	s.era.Server = era.Server
	return nil
}

// isAnswer reports whether err is an answer of the server, and not the lack of one.
func isAnswer(err error) bool {
	var status *client.StatusError
	var rpc *RPCError
	var bad *MalformedError
	return errors.As(err, &status) || errors.As(err, &rpc) || errors.As(err, &bad)
}

func negotiate(ctx context.Context, ep Endpoint) (*Session, error) {
	s, era, err := probed(ctx, ep)
	if err != nil {
		return nil, err
	}
	if err = s.handshake(ctx, ep, era); err == nil {
		return s, nil
	}
	s.Abandon()
	if s.unprobed && client.IsTimeout(err) {
		return nil, fmt.Errorf("%w; there was no answer to server/discover before: --protocol %s does not send that", client.Cause(err), Legacy)
	}
	if ep.Start != nil || !suggestsSSE(err) {
		return nil, err
	}
	old, sseErr := Open(ctx, ep, Era{Version: rev1105, SSE: true})
	if sseErr == nil {
		return old, nil
	}
	cause := client.Cause(sseErr)
	if strings.HasSuffix(err.Error(), cause.Error()) {
		return nil, fmt.Errorf("%w; the same over HTTP+SSE (--protocol %s)", err, rev1105)
	}
	if status, ok := errors.AsType[*client.StatusError](cause); ok && status.Code == http.StatusMethodNotAllowed {
		status.Usual = "" // the hint stands in err
	}
	return nil, fmt.Errorf("%w; over HTTP+SSE (--protocol %s): %w", err, rev1105, cause)
}

// handshake initializes the session, in the modern revision where the server speaks no
// other.
func (s *Session) handshake(ctx context.Context, ep Endpoint, era Era) error {
	err := s.initialize(ctx, era)
	if err != nil {
		err = s.initializeModern(ctx, ep, err)
	}
	if err == nil {
		s.era.Server = cmp.Or(s.era.Server, era.Server)
	}
	return err
}

// probed returns a session that was probed, and the era that the probe found. A
// process that the probe ended, or that does not answer it, is replaced, and a
// connection that the server closed at the probe is left, so that the probe does no
// harm to the handshake.
func probed(ctx context.Context, ep Endpoint) (*Session, Era, error) {
	s, err := newSession(ctx, ep, Era{Version: Modern})
	if err != nil || ep.Running {
		return s, Era{Version: Legacy}, err
	}
	era, err := s.probe(ctx, ep)
	switch {
	case err == nil, errors.Is(err, errOldTransport), isAnswer(err):
		return s, cmp.Or(era, Era{Version: Legacy}), nil
	case ctx.Err() != nil || ep.Start == nil && client.NotConnected(err) && !client.IsTimeout(err):
		s.Abandon()
		return nil, Era{}, err
	case ep.Start == nil:
		s.unprobed = true
		return s, Era{Version: Legacy}, nil
	}
	s.Abandon()
	if s, err = newSession(ctx, ep, Era{Version: Legacy}); err != nil {
		err = fmt.Errorf("starting the server again after its end at server/discover: %w; --protocol %s does not send that", err, Legacy)
	}
	return s, Era{Version: Legacy}, err
}

// Limits on the wait for server/discover, to which older servers may say nothing.
const (
	probeStdio = 3 * time.Second
	probeHTTP  = 10 * time.Second // or half of the time that is left
)

// probe asks a server for its era. An error means that it did not answer in a way
// that tells.
func (s *Session) probe(ctx context.Context, ep Endpoint) (Era, error) {
	limit := probeHTTP
	if ep.Start != nil {
		limit = probeStdio
	}
	if at, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(at)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	result, err := s.ask(ctx, "server/discover", nil)
	if rpc, ok := errors.AsType[*RPCError](err); ok {
		if version := supported(rpc); version != "" {
			return Era{Version: version}, nil
		}
	}
	if err != nil {
		return Era{}, err
	}
	if era, ok := discovered(result); ok {
		return era, nil
	}
	return Era{Version: Legacy}, nil
}

// initializeModern switches to the modern revision where a server refuses initialize
// because it speaks no other. It returns err where that is not so.
func (s *Session) initializeModern(ctx context.Context, ep Endpoint, err error) error {
	var rpc *RPCError
	if !errors.As(err, &rpc) || !s.Alive() {
		return err
	}
	if supported(rpc) != Modern && rpc.Code != CodeMethodNotFound {
		return err
	}
	s.era = Era{Version: Modern}
	s.wire.speak(s.era, true)
	era, probeErr := s.probe(ctx, ep)
	if probeErr != nil || era.Sessions() {
		return err
	}
	s.era.Server = era.Server
	return nil
}

// suggestsSSE reports whether err says that Streamable HTTP is not spoken.
func suggestsSSE(err error) bool {
	var status *client.StatusError
	if !errors.As(err, &status) {
		return errors.Is(err, errOldTransport)
	}
	return status.Code == http.StatusBadRequest || status.Code == http.StatusNotFound || status.Code == http.StatusMethodNotAllowed
}
