package doctor

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

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
	Seconds     float64      `json:"seconds"`
}

// Network holds the observations below HTTP.
type Network struct {
	Host      string      `json:"host"`
	Literal   bool        `json:"literal,omitempty"` // the host is an address
	Proxy     string      `json:"proxy,omitempty"`   // HTTP proxy of the environment, without secrets
	Lookup    string      `json:"lookup,omitempty"`  // error of the lookup
	LookupMs  float64     `json:"lookup_ms,omitempty"`
	Listener  *Listener   `json:"listener,omitempty"` // of a target on this machine
	Addresses []Address   `json:"addresses,omitempty"`
	TLS       []Handshake `json:"tls,omitempty"`
	PlainH2   bool        `json:"plain_h2,omitempty"` // it speaks HTTP/2 without TLS, and no HTTP/1.1
	Spoke     string      `json:"spoke,omitempty"`    // the first bytes of what listens, where it speaks no HTTP
}

// Listener is the process that listens on the port of the target.
type Listener struct {
	PID     int    `json:"pid"`
	Command string `json:"command"` // without secrets
}

// Address is the attempt to connect to one address.
type Address struct {
	Address string  `json:"address"`
	Outcome string  `json:"outcome"` // ok, refused, timeout, or the error
	Ms      float64 `json:"ms"`
	Private bool    `json:"private,omitempty"` // not on the public network
}

// Handshake is a TLS handshake with one address.
type Handshake struct {
	Address     string    `json:"address"`
	Failed      string    `json:"failed,omitempty"`  // error of the handshake itself
	Spoke       string    `json:"spoke,omitempty"`   // the first bytes, where they are not of TLS
	Invalid     string    `json:"invalid,omitempty"` // why the certificate is not accepted
	Kind        string    `json:"kind,omitempty"`    // of that reason: expired, name, authority, chain, other
	Version     string    `json:"version,omitempty"`
	ALPN        string    `json:"alpn,omitempty"`    // the version of HTTP that was agreed on
	OnlyH2      bool      `json:"only_h2,omitempty"` // clients that offer HTTP/1.1 alone are refused
	Subject     string    `json:"subject,omitempty"`
	Issuer      string    `json:"issuer,omitempty"`
	Names       []string  `json:"names,omitempty"`
	NotBefore   time.Time `json:"not_before,omitzero"`
	NotAfter    time.Time `json:"not_after,omitzero"`
	Fingerprint string    `json:"fingerprint,omitempty"`
}

// Exchange is one request and its outcome.
type Exchange struct {
	Probe     string            `json:"probe"` // its purpose, such as "initialize"
	Method    string            `json:"method"`
	URL       string            `json:"url"`               // without secrets
	Sent      map[string]string `json:"sent,omitempty"`    // header fields, without credentials
	Payload   string            `json:"payload,omitempty"` // body that was sent
	Anonymous bool              `json:"anonymous,omitempty"`
	Status    int               `json:"status,omitempty"` // 0: no answer
	Header    http.Header       `json:"header,omitempty"` // without secrets
	Body      string            `json:"body,omitempty"`   // its beginning
	Size      int               `json:"size,omitempty"`   // bytes of the body that were read
	Message   *Message          `json:"message,omitempty"`
	Failed    string            `json:"failed,omitempty"` // error of the exchange
	Stage     string            `json:"stage,omitempty"`
	Open      bool              `json:"open,omitempty"`       // the stream was still open when the doctor left it
	Gzip      int               `json:"gzip_bytes,omitempty"` // size of a large JSON body if it were compressed
	Broken    []string          `json:"sse_broken,omitempty"` // faults of the event stream that lose messages
	Odd       []string          `json:"sse_odd,omitempty"`    // faults of the event stream that some clients do not forgive
	Timing    Millis            `json:"ms"`
	Reused    bool              `json:"reused,omitempty"`
	At        time.Time         `json:"at"`

	refused bool // the client does not connect to the address
}

// KeptAlive is the observation of a connection on which nothing was sent for a time.
type KeptAlive struct {
	IdleMs float64 `json:"idle_ms"`           // until it was closed, or watched no longer
	Closed bool    `json:"closed"`            // by the server
	Watch  bool    `json:"watched,omitempty"` // so that IdleMs is exact
}

// Millis are the durations of the stages of an exchange, in milliseconds.
type Millis struct {
	DNS       float64 `json:"dns,omitempty"`
	Connect   float64 `json:"connect,omitempty"`
	TLS       float64 `json:"tls,omitempty"`
	FirstByte float64 `json:"first_byte,omitempty"`
	Total     float64 `json:"total"`
}

// SessionID describes the session id of the server, which is a credential itself.
type SessionID struct {
	Length     int  `json:"length"`
	Visible    bool `json:"visible"` // consists of visible ASCII characters
	Sequential bool `json:"sequential,omitempty"`
}

// probe returns the exchanges of a probe, in order.
func (f *Facts) probe(name string) []*Exchange {
	var found []*Exchange
	for _, x := range f.Exchanges {
		if x != nil && x.Probe == name {
			found = append(found, x)
		}
	}
	return found
}

// first returns the first exchange of a probe. If there is none it returns an empty
// Exchange, whose Status is 0.
func (f *Facts) first(name string) *Exchange {
	if found := f.probe(name); len(found) > 0 {
		return found[0]
	}
	return &Exchange{}
}

// sent reports whether the exchange took place, however it ended.
func (x *Exchange) sent() bool { return x.Method != "" }

// ok reports whether x has a status of 2xx.
func (x *Exchange) ok() bool { return x.Status/100 == 2 }

// result reports whether x is an answer with a result.
func (x *Exchange) result() bool { return x.ok() && x.Message != nil && len(x.Message.Result) > 0 }

// code returns the code of the JSON-RPC error in x, 0 if there is none.
func (x *Exchange) code() int64 {
	if x.Message == nil || x.Message.Error == nil {
		return 0
	}
	return x.Message.Error.Code
}

// https reports whether the target is reached over TLS.
func (f *Facts) https() bool { u, _ := url.Parse(f.Target); return u != nil && u.Scheme == "https" }

// entry returns the exchange that decides whether the server can be spoken to: the
// handshake of whichever revision succeeded, else initialize.
func (f *Facts) entry() *Exchange {
	discover, initialize := f.first("discover"), f.first("initialize")
	if initialize.result() || !discover.result() && initialize.sent() {
		return initialize
	}
	return discover
}

// legacy reports whether the server speaks a revision with initialize.
func (f *Facts) legacy() bool { return f.first("initialize").result() }

// modern reports whether the server speaks the revision without sessions.
func (f *Facts) modern() bool {
	x := f.first("discover")
	return x.result() && contains(x.Message.strings("supportedVersions"), modern)
}

// oldSSE reports whether the target is the event stream of HTTP+SSE.
func (f *Facts) oldSSE() bool {
	for _, probe := range []string{"oldsse", lateSSE} {
		if x := f.first(probe); x.isStream() && strings.Contains(x.Body, "event: endpoint") {
			return true
		}
	}
	return f.silentSSE()
}

// silentSSE reports whether the target refuses POST and holds a GET without an event,
// which HTTP+SSE begins with: something on the way collects it.
func (f *Facts) silentSSE() bool {
	x := f.first(lateSSE)
	return x.isStream() && x.Open && x.Size == 0 || x.timedOut()
}

// timedOut reports whether x got no answer, neither a status nor an error.
func (x *Exchange) timedOut() bool {
	return x.sent() && x.Status == 0 && strings.HasPrefix(x.Failed, "no answer")
}
