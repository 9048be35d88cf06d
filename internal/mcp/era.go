package mcp

import (
	"context"
	"errors"
	"net/http"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Protocol revisions over Streamable HTTP, newest first.
const (
	Modern  = "2026-07-28" // no sessions
	Legacy  = "2025-11-25" // the newest with sessions
	rev0618 = "2025-06-18" // the first that wants its version in a header
	rev0326 = "2025-03-26" // the first of Streamable HTTP
)

// Revisions are those that Detect can be asked for.
var Revisions = []string{Modern, Legacy, rev0618, rev0326}

// Era is how a server wants to be spoken to.
type Era struct {
	Version string // the protocol revision
	Server  string // name and version that it gives itself, or ""
}

// Sessions reports whether the revision has sessions.
func (e Era) Sessions() bool { return e.Version != Modern }

// Endpoint is where a server listens, and the client to reach it with.
type Endpoint struct {
	HTTP *http.Client
	URL  string
}

// Detect finds the era of a server, once a run, by server/discover as the
// modern revision has it. Where that is not understood, it is the newest
// revision with sessions, and what Open negotiates counts.
func Detect(ctx context.Context, ep Endpoint) (Era, error) {
	s := &Session{ep: ep, era: Era{Version: Modern}}
	result, err := s.request(ctx, "server/discover", nil)
	var status *StatusError
	var rpc *RPCError
	var bad *MalformedError
	switch {
	case err == nil:
		if era, ok := discovered(result); ok {
			return era, nil
		}
	case errors.As(err, &status) && status.RPC != nil && modernCode(status.RPC.Code):
		if version := newest(supported(status.RPC.Data)); version != "" {
			return Era{Version: version}, nil
		}
	case !errors.As(err, &status) && !errors.As(err, &rpc) && !errors.As(err, &bad):
		return Era{}, err // there was no answer at all
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
