package mcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// Protocol revisions, newest first.
const (
	Modern  = "2026-07-28" // no sessions
	Legacy  = "2025-11-25" // the newest with sessions
	rev0618 = "2025-06-18" // the first that wants its version in a header
	rev0326 = "2025-03-26" // the first of Streamable HTTP
	rev1105 = "2024-11-05" // HTTP+SSE: answers come on a stream of their own
)

// Revisions are those that Connect can be asked for.
var Revisions = []string{Modern, Legacy, rev0618, rev0326, rev1105}

// Era is how a server wants to be spoken to.
type Era struct {
	Version string // the protocol revision
	Server  string // name and version that it gives itself, or ""
	SSE     bool   // HTTP+SSE instead of Streamable HTTP
}

// Sessions reports whether the revision has sessions.
func (e Era) Sessions() bool { return e.Version != Modern }

// Connect finds out how to speak to a server, once a run, and opens the first
// session. It asks by server/discover as the modern revision has it; where that
// is not understood, it takes what initialize negotiates, and last HTTP+SSE.
// With a version, it asks for that one and no other; where the server does not speak
// it, the error is a RevisionError that says what it does speak.
func Connect(ctx context.Context, ep Endpoint, version string) (*Session, error) {
	if version == "" {
		return negotiate(ctx, ep)
	}
	s, err := Open(ctx, ep, Era{Version: version, SSE: version == rev1105})
	refused := err
	if err == nil && !s.era.Sessions() {
		refused = s.findModern(ctx, ep)
	}
	if refused == nil || !answered(refused) {
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
	_ = other.Close(ctx) // it was only to be asked
	return nil, &RevisionError{Asked: version, Speaks: other.era.Version}
}

// RevisionError says that a server does not speak the revision that it was asked for.
type RevisionError struct{ Asked, Speaks string }

func (e *RevisionError) Error() string {
	return fmt.Sprintf("the server speaks MCP %s, not %s; --protocol %[1]s asks for that, --protocol auto finds it out", e.Speaks, e.Asked)
}

// findModern is an error where the server does not say that it speaks the modern
// revision, which it may do all the same.
func (s *Session) findModern(ctx context.Context, ep Endpoint) error {
	era, err := s.detect(ctx, ep)
	if err != nil {
		return err
	}
	if era.Sessions() {
		return malformed("server/discover does not name %s", Modern)
	}
	s.era.Server = era.Server
	return nil
}

// answered reports whether err is what a server answered, and not that none did.
func answered(err error) bool {
	var status *client.StatusError
	var rpc *RPCError
	var bad *MalformedError
	return errors.As(err, &status) || errors.As(err, &rpc) || errors.As(err, &bad)
}

func negotiate(ctx context.Context, ep Endpoint) (*Session, error) {
	s, err := newSession(ctx, ep, Era{Version: Modern})
	if err != nil {
		return nil, err
	}
	era, err := s.detect(ctx, ep)
	if err == nil {
		err = s.initialize(ctx, era)
	}
	if err == nil {
		s.era.Server = cmp.Or(s.era.Server, era.Server)
		return s, nil
	}
	s.Abandon()
	var status *client.StatusError
	if ep.Start == nil && errors.As(err, &status) && noStreamable(status.Code) {
		if old, sseErr := Open(ctx, ep, Era{Version: rev1105, SSE: true}); sseErr == nil {
			return old, nil
		}
	}
	return nil, err
}

// noStreamable reports whether a status says that Streamable HTTP is not spoken.
func noStreamable(code int) bool {
	return code == http.StatusBadRequest || code == http.StatusNotFound || code == http.StatusMethodNotAllowed
}

// discoverTime is how long a process may take to answer server/discover: older
// servers say nothing to it.
const discoverTime = 3 * time.Second

// detect finds the era of a server. It is an error only where there was no answer at all.
func (s *Session) detect(ctx context.Context, ep Endpoint) (Era, error) {
	if ep.Start != nil {
		short, cancel := context.WithTimeout(ctx, discoverTime)
		defer cancel()
		result, err := s.ask(short, "server/discover", nil)
		if era, ok := discovered(result); err == nil && ok {
			return era, nil
		}
		return Era{Version: Legacy}, nil
	}
	result, err := s.ask(ctx, "server/discover", nil)
	var status *client.StatusError
	var rpc *RPCError
	switch {
	case err == nil:
		if era, ok := discovered(result); ok {
			return era, nil
		}
	case errors.As(err, &status) && errors.As(err, &rpc) && modernCode(rpc.Code):
		if version := newest(supported(rpc.Data)); version != "" {
			return Era{Version: version}, nil
		}
	case !answered(err):
		return Era{}, err
	}
	return Era{Version: Legacy}, nil
}

func modernCode(code int64) bool {
	return code == codeHeaderMismatch || code == codeMissingClient || code == codeVersion
}

// discovered reads the result of server/discover. That it is there says nothing:
// servers that speak older revisions only answer it too.
func discovered(result jsontext.Value) (Era, bool) {
	var r struct {
		SupportedVersions []string `json:"supportedVersions"`
		Meta              struct {
			ServerInfo implementation `json:"io.modelcontextprotocol/serverInfo"`
		} `json:"_meta"`
	}
	if err := jsonv2.Unmarshal(result, &r); err != nil {
		return Era{}, false
	}
	version := newest(r.SupportedVersions)
	return Era{Version: version, Server: r.Meta.ServerInfo.String()}, version != ""
}

func supported(data jsontext.Value) []string {
	var d struct {
		Supported []string `json:"supported"`
	}
	_ = jsonv2.Unmarshal(data, &d) // what cannot be read names no version
	return d.Supported
}

func newest(versions []string) string {
	for _, v := range Revisions {
		if slices.Contains(versions, v) {
			return v
		}
	}
	return ""
}

// implementation is how a server or client names itself.
type implementation struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

func (i implementation) String() string {
	if i.Version == "" {
		return i.Name
	}
	return i.Name + " " + i.Version
}
