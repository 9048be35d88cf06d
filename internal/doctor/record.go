package doctor

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Limits on foreign data in the facts.
const (
	maxBodyKept   = 1 << 10
	maxHeaderKept = 64
	maxValueKept  = 512
)

// bodyReader returns the body of a request, nil without one.
func bodyReader(body string) io.Reader {
	if body == "" {
		return nil
	}
	return strings.NewReader(body)
}

// fact returns the record of an exchange without its secrets.
func (g *gatherer) fact(r request, rec *client.Exchange, took time.Duration) *Exchange {
	x := &Exchange{
		Probe: r.probe, Method: rec.Method, URL: rec.URL, Sent: sentHeader(r), Payload: r.body, Anonymous: r.anonymous,
		Status: rec.Status, Header: g.keptHeader(rec.Header), Size: len(rec.Body), Reused: rec.Timing.Reused,
		Timing: Millis{DNS: ms(rec.Timing.DNS), Connect: ms(rec.Timing.Connect), TLS: ms(rec.Timing.TLS), FirstByte: ms(rec.Timing.FirstByte), Total: ms(took)},
	}
	kind := contentType(rec.Header)
	x.Message = parseMessage(kind, rec.Body).keep()
	x.Body = g.hide(string(rec.Body[:min(len(rec.Body), maxBodyKept)]))
	if kind == "text/event-stream" {
		x.Broken, x.Odd = checkEvents(rec.Body, rec.Err == nil && !rec.Truncated)
	}
	switch {
	case rec.Err == nil:
	case rec.Status != 0 && errors.Is(rec.Err, context.DeadlineExceeded):
		x.Open = true
	default:
		x.Failed, x.Stage = report.Line(g.hide(rec.Err.Error())), string(rec.Stage)
		_, x.refused = errors.AsType[*client.RefusedAddressError](rec.Err)
	}
	return x
}

// sentHeader returns the header fields of a request that hold no secret.
func sentHeader(r request) map[string]string {
	sent := map[string]string{}
	for name, value := range r.header {
		if name == sessionHeader && r.probe != "unknown session" {
			value = "REDACTED"
		}
		sent[name] = value
	}
	if r.host != "" {
		sent["Host"] = r.host
	}
	return sent
}

// keptHeader returns the header of an answer with the values of secrets removed: of
// cookies the names stay.
func (g *gatherer) keptHeader(h http.Header) http.Header {
	kept := http.Header{}
	for name, values := range h {
		if len(kept) >= maxHeaderKept {
			break
		}
		for _, v := range values[:min(len(values), 8)] {
			switch name {
			case "Set-Cookie":
				v, _, _ = strings.Cut(v, "=")
			case sessionHeader:
				v = "REDACTED"
			case "Location":
				v = client.Redact(v)
			}
			if v = v[:min(len(v), maxValueKept)]; name != "Www-Authenticate" { // its parameters look like secrets, but are none
				v = g.hide(v)
			}
			kept.Add(name, strings.ToValidUTF8(v, "\uFFFD"))
		}
	}
	return kept
}

// hide removes the ids of sessions, and values that look secret, from foreign text.
func (g *gatherer) hide(text string) string {
	for _, id := range g.ids {
		text = strings.ReplaceAll(text, id, "REDACTED")
	}
	text = sessionPair.ReplaceAllString(text, "${1}REDACTED")
	return strings.ToValidUTF8(report.RedactText(text), "\uFFFD")
}

// sessionPair matches a session id in an address, as HTTP+SSE has it.
var sessionPair = regexp.MustCompile(`(?i)(session_?id=)[^\s&"]+`)

// contentType returns the media type of an answer in lower case.
func contentType(h http.Header) string {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(h.Get("Content-Type")), ";")
	}
	return strings.TrimSpace(kind)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// isLimited reports whether an answer says that there were too many requests.
func isLimited(x *Exchange) bool {
	return x.Status == http.StatusTooManyRequests || x.Status == http.StatusServiceUnavailable && x.Header.Get("Retry-After") != "" || x.code() == codeRateLimited
}

// describe returns the request of x in a few words.
func (x *Exchange) describe() string {
	return strings.TrimSpace(x.Method + " " + x.Probe)
}

// outcome returns the answer of x in a few words.
func (x *Exchange) outcome() string {
	if x.Status == 0 {
		return cmp.Or(x.Failed, "no answer in time")
	}
	text := strconv.Itoa(x.Status)
	if x.Method == methodStdio {
		text = "answered"
	}
	if kind := contentType(x.Header); kind != "" {
		text += " " + kind
	}
	if to := x.Header.Get("Location"); to != "" {
		text += " to " + to
	}
	if x.Body != "" && !x.result() {
		text += ": " + cutWords(strings.Join(strings.Fields(x.Body), " "), 200)
	}
	if x.Open {
		text += " (still open)"
	}
	return text
}
