package mcp

import (
	"slices"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Protocol revisions, newest first.
const (
	Modern  = "2026-07-28" // no sessions
	Legacy  = "2025-11-25" // the newest with sessions
	rev0618 = "2025-06-18" // the first with the header MCP-Protocol-Version
	rev0326 = "2025-03-26" // the first of Streamable HTTP
	rev1105 = "2024-11-05" // HTTP+SSE: answers come on a stream of their own
	rev1007 = "2024-10-07" // before the first release
)

// Revisions are those that Connect can be asked for.
var Revisions = []string{Modern, Legacy, rev0618, rev0326, rev1105}

// Era is how a server is spoken to.
type Era struct {
	Version string // the protocol revision
	Server  string // name and version that the server gives itself, or ""
	SSE     bool   // HTTP+SSE instead of Streamable HTTP
}

// Sessions reports whether the revision has sessions.
func (e Era) Sessions() bool { return e.Version != Modern }

// known reports whether the official clients accept a revision in the answer to
// initialize.
func known(version string) bool {
	return version != Modern && slices.Contains(Revisions, version) || version == rev1007
}

// newest returns the newest of versions that is spoken here, or "".
func newest(versions []string) string {
	for _, v := range Revisions {
		if slices.Contains(versions, v) {
			return v
		}
	}
	return ""
}

// discovered reads the result of server/discover. The result alone says nothing:
// servers of older revisions answer it too.
func discovered(result jsontext.Value) (Era, bool) {
	var r struct {
		SupportedVersions []string `json:"supportedVersions"`
		Meta              struct {
			ServerInfo implementation `json:"io.modelcontextprotocol/serverInfo"`
		} `json:"_meta"`
	}
	if _, err := unmarshal(result, &r); err != nil {
		return Era{}, false
	}
	version := newest(r.SupportedVersions)
	return Era{Version: version, Server: r.Meta.ServerInfo.String()}, version != ""
}

// supported returns the newest revision that the data of a JSON-RPC error names.
func supported(rpc *RPCError) string {
	if rpc.Code != codeHeaderMismatch && rpc.Code != codeMissingClient && rpc.Code != codeVersion {
		return ""
	}
	var d struct {
		Supported []string `json:"supported"`
	}
	_ = jsonv2.Unmarshal(rpc.Data, &d) // unreadable data names no version
	return newest(d.Supported)
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
