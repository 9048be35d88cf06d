package facts

import (
	"cmp"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

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
	Cut       bool              `json:"cut,omitempty"`        // no answer until the time for all requests ended
	Busy      bool              `json:"busy,omitempty"`       // the 503 of a proxy whose server answered before
	Gzip      int               `json:"gzip_bytes,omitempty"` // size of a large JSON body if it were compressed
	Broken    []string          `json:"sse_broken,omitempty"` // faults of the event stream that lose messages
	Odd       []string          `json:"sse_odd,omitempty"`    // faults of the event stream that some clients do not forgive
	Endpoint  bool              `json:"endpoint,omitempty"`   // an event named where requests go, as in HTTP+SSE
	Timing    Millis            `json:"ms"`
	Reused    bool              `json:"reused,omitempty"`
	At        time.Time         `json:"at"`

	RefusedAddress bool `json:"-"` // the client does not connect to the address
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
	Shared     bool `json:"shared,omitempty"` // another client got the same one
}

// WasSent reports whether the exchange took place, however it ended. A cut
// exchange says nothing.
func (x *Exchange) WasSent() bool { return x.Method != "" && !x.Cut }

// OK reports whether x has a status of 2xx.
func (x *Exchange) OK() bool { return x.Status/100 == 2 }

// Result reports whether x is a whole answer with a result.
func (x *Exchange) Result() bool {
	return x.OK() && x.Message != nil && len(x.Message.Result) > 0 && (x.IsStream() || x.Failed == "" && !x.Open)
}

// Code returns the code of the JSON-RPC error in x, 0 if there is none.
func (x *Exchange) Code() int64 {
	if x.Message == nil || x.Message.Error == nil {
		return 0
	}
	return x.Message.Error.Code
}

// RequestTime is how long the answer of one request may take.
const RequestTime = 5 * time.Second

// IsWebAddress reports whether address is an absolute http or https URL.
func IsWebAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}

// The revisions and header fields by which exchanges are recognized.
const (
	Modern        = mcp.Modern
	Legacy        = mcp.Legacy
	SessionHeader = "Mcp-Session-Id"
	VersionHeader = "Mcp-Protocol-Version"
)

// CodeRateLimited is the code of a JSON-RPC error that some servers send instead of 429.
const CodeRateLimited = -32004

// LateSSE is the probe that waits longer for the event stream of HTTP+SSE.
const LateSSE = "oldsse, longer"

// Beside is the probe that asks while the event stream is open, BesideAgain that during
// a longer stream.
const (
	Beside      = "ping beside stream"
	BesideAgain = "ping beside stream, longer"
)

// Limits on the answer to subscriptions/listen: doctor leaves after the first message.
const (
	ListenMethod = "subscriptions/listen"
	ListenEnough = 160 // bytes
)

// Acknowledged reports whether x is an event stream on which a message came.
func (x *Exchange) Acknowledged() bool {
	return x.IsStream() && (x.Size >= ListenEnough || strings.Contains(x.Body, "subscriptions/acknowledged"))
}

// IsStream reports whether x is an answer with events.
func (x *Exchange) IsStream() bool {
	return x.OK() && ContentType(x.Header) == "text/event-stream"
}

// ContentType returns the media type of an answer in lower case.
func ContentType(h http.Header) string {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(h.Get("Content-Type")), ";")
	}
	return strings.TrimSpace(kind)
}

// IsLimited reports whether an answer says that there were too many requests.
func IsLimited(x *Exchange) bool {
	return x.Busy || x.Status == http.StatusTooManyRequests || x.Status == http.StatusServiceUnavailable && x.Header.Get("Retry-After") != "" || x.Code() == CodeRateLimited
}

// IsBusy reports whether x is the page of a proxy with the status 503, although its server
// answered a request before: it limits the rate, or is overloaded.
func (f *Facts) IsBusy(x *Exchange) bool {
	return x.Status == http.StatusServiceUnavailable && ContentType(x.Header) == "text/html" && slices.ContainsFunc(f.Exchanges, func(other *Exchange) bool {
		return other != x && f.AtServer(other) && other.Status != 0 && other.Status < http.StatusInternalServerError
	})
}

// AtServer reports whether x is an exchange at the address of the server itself, not at that
// of a page beside it.
func (f *Facts) AtServer(x *Exchange) bool {
	if x == nil {
		return false
	}
	a, b := URLOf(x.URL), URLOf(f.Target)
	return a.Host == b.Host && strings.TrimSuffix(a.Path, "/") == strings.TrimSuffix(b.Path, "/")
}

// Describe returns the request of x in a few words.
func (x *Exchange) Describe() string {
	return strings.TrimSpace(x.Method + " " + x.Probe)
}

// Outcome returns the answer of x in a few words.
func (x *Exchange) Outcome() string {
	if x.Status == 0 {
		return cmp.Or(x.Failed, "no answer in time")
	}
	text := strconv.Itoa(x.Status)
	if x.Method == MethodStdio {
		text = "answered"
	}
	if kind := ContentType(x.Header); kind != "" {
		text += " " + kind
	}
	if to := x.Header.Get("Location"); to != "" {
		text += " to " + to
	}
	if x.Body != "" && !x.Result() {
		text += ": " + report.CutWords(strings.Join(strings.Fields(x.Body), " "), 200)
	}
	if x.Failed != "" {
		text += " (" + x.Failed + ")"
	}
	if x.Open {
		text += " (still open)"
	}
	return text
}

// URLOf parses the address of a recorded exchange; a broken one is empty.
func URLOf(address string) *url.URL {
	u, err := url.Parse(address)
	if err != nil {
		return &url.URL{}
	}
	return u
}

// IsCompressed reports whether the body of x came compressed.
func (x *Exchange) IsCompressed() bool {
	return slices.Contains([]string{"gzip", "x-gzip", "deflate", "br", "zstd"}, strings.ToLower(x.Header.Get("Content-Encoding")))
}
