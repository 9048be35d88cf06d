package facts

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// AlsoFact is how a dependency was reached. Nothing of its protocol is spoken.
type AlsoFact struct {
	Name    string  `json:"name"`
	Target  string  `json:"target"`
	Network Network `json:"network"`
	Status  int     `json:"status,omitempty"` // of GET, if it speaks HTTP
	Failed  string  `json:"failed,omitempty"`
}

// FactsSchema names the version of the facts document.
const FactsSchema = "mcpdiag.doctor.facts/1"

// Facts are everything that was observed of a server, without secrets. The rules
// read nothing else, neither the network nor the clock.
type Facts struct {
	Schema      string       `json:"schema"`
	Target      string       `json:"target"` // without secrets
	At          time.Time    `json:"at"`
	Credentials bool         `json:"credentials"`              // the user gave some
	ExpectAuth  bool         `json:"expect_auth,omitempty"`    // the user says that the server must want a token
	Mistakes    []string     `json:"token_mistakes,omitempty"` // in how the token is given
	Quick       bool         `json:"quick,omitempty"`          // only the handshake and the listings were asked for
	Insecure    bool         `json:"insecure,omitempty"`       // certificates were not required to be valid
	SecretQuery bool         `json:"secret_query,omitempty"`
	Loopback    bool         `json:"loopback"`
	Network     Network      `json:"network"`
	Exchanges   []*Exchange  `json:"exchanges"`
	Session     *SessionID   `json:"session,omitempty"`
	Tools       *ToolListing `json:"tools,omitempty"`
	Call        *Called      `json:"call,omitempty"`
	Auth        *Auth        `json:"auth,omitempty"`
	Stdio       *Stdio       `json:"stdio,omitempty"`
	OldSSE      *OldSSE      `json:"old_sse,omitempty"`
	Behaviour   *Behaviour   `json:"behaviour,omitempty"`
	Kept        *KeptAlive   `json:"kept_alive,omitempty"`
	Also        []AlsoFact   `json:"also,omitempty"`
	Beside      int          `json:"requests_beside,omitempty"` // not recorded as exchanges
	Sessions    int          `json:"sessions"`                  // opened
	Ended       int          `json:"ended"`                     // sessions ended with DELETE
	Stopped     string       `json:"stopped,omitempty"`
	Interrupted bool         `json:"interrupted,omitempty"` // the user ended the run before everything was asked
	Waited      float64      `json:"waited,omitempty"`      // seconds until the server answered, before it was examined
	Seconds     float64      `json:"seconds"`
}

// Probe returns the exchanges of a probe, in order.
func (f *Facts) Probe(name string) []*Exchange {
	var found []*Exchange
	for _, x := range f.Exchanges {
		if x != nil && x.Probe == name {
			found = append(found, x)
		}
	}
	return found
}

// First returns the first exchange of a probe. If there is none it returns an empty
// Exchange, whose Status is 0.
func (f *Facts) First(name string) *Exchange {
	if found := f.Probe(name); len(found) > 0 {
		return found[0]
	}
	return &Exchange{}
}

// HTTPS reports whether the target is reached over TLS.
func (f *Facts) HTTPS() bool { u, _ := url.Parse(f.Target); return u != nil && u.Scheme == "https" }

// Entry returns the exchange that decides whether the server can be spoken to: the
// handshake of whichever revision succeeded, else initialize.
func (f *Facts) Entry() *Exchange {
	discover, initialize := f.First("discover"), f.First("initialize")
	if initialize.Result() || !discover.Result() && initialize.WasSent() {
		return initialize
	}
	return discover
}

// SpeaksLegacy reports whether the server speaks a revision with initialize.
func (f *Facts) SpeaksLegacy() bool { return f.First("initialize").Result() }

// SpeaksModern reports whether the server speaks the revision without sessions.
func (f *Facts) SpeaksModern() bool {
	x := f.First("discover")
	return x.Result() && slices.Contains(x.Message.strings("supportedVersions"), Modern)
}

// SpeaksOldSSE reports whether the target is the event stream of HTTP+SSE.
func (f *Facts) SpeaksOldSSE() bool {
	for _, probe := range []string{"oldsse", LateSSE} {
		if x := f.First(probe); x.IsStream() && x.Endpoint {
			return true
		}
	}
	return f.SilentSSE()
}

// SilentSSE reports whether the target refuses POST and holds a GET without an event,
// which HTTP+SSE begins with: something on the way collects it.
func (f *Facts) SilentSSE() bool {
	x := f.First(LateSSE)
	return x.IsStream() && x.Open && x.Size == 0 || x.TimedOut()
}

// PassesEvents reports whether something came on an event stream while it was open: the
// endpoint of HTTP+SSE, or the greeting of another server.
func (f *Facts) PassesEvents() bool {
	return slices.ContainsFunc(f.Exchanges, func(x *Exchange) bool {
		return x != nil && x.Method == http.MethodGet && x.IsStream() && x.Open && x.Size > 0
	})
}

// TimedOut reports whether x got no answer, neither a status nor an error.
func (x *Exchange) TimedOut() bool {
	return x.WasSent() && x.Status == 0 && strings.HasPrefix(x.Failed, "no answer")
}

// OldSSE is the attempt to open a session over HTTP+SSE.
type OldSSE struct {
	Server string `json:"server,omitempty"`
	Failed string `json:"failed,omitempty"`
}

// NeedsToken reports whether the server wants a token and the user gave none.
func (f *Facts) NeedsToken() bool {
	x, list := f.Entry(), f.First("tools/list")
	return !f.Credentials && (x.WasSent() && x.Kind() == KindAuth || list.WasSent() && list.Kind() == KindAuth)
}

// Started reports whether the server answered what clients ask at their start, up to the
// listing of tools.
func (f *Facts) Started() bool {
	x := f.First("tools/list")
	return f.Entry().Result() && x.Status != 0 && !IsLimited(x)
}

// ServerName returns the name that the server gives itself.
func (f *Facts) ServerName() string {
	h := f.Entry().Message.Handshake()
	for _, info := range []serverInfo{h.Server, h.Meta.Server} {
		if name := info.String(); name != "" {
			return name
		}
	}
	return "without a name"
}

// MissingTool returns the tool that the user named and the server does not list, or "".
func (f *Facts) MissingTool() string {
	switch {
	case f.Tools == nil:
		return ""
	case f.Behaviour != nil && f.Behaviour.Unknown:
		return f.Behaviour.Tool
	case f.Call != nil:
		return f.Call.Missing
	}
	return ""
}
