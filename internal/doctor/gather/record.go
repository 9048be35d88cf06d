package gather

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/mcp/sse"
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

// answered returns a function that reports whether an event stream has the answer to r: some
// servers leave it open, and clients do not wait for its end. It is nil where none is due.
func (r request) answered() func(http.Header, []byte) bool {
	if !(&facts.Exchange{Payload: r.body}).WantsAnswer() {
		return nil
	}
	var p sse.Parser
	return func(h http.Header, part []byte) bool {
		for facts.ContentType(h) == "text/event-stream" && len(part) > 0 {
			event, rest, ok, err := p.Next(part)
			if err != nil || !ok {
				return false
			}
			if m := facts.ParseMessage("", event.Data); event.IsMessage() && m != nil && m.Problem == "" {
				return true
			}
			part = rest
		}
		return false
	}
}

// fact returns the record of an exchange without its secrets.
func (g *gatherer) fact(r request, rec *client.Exchange, took time.Duration) *facts.Exchange {
	x := &facts.Exchange{
		Probe: r.probe, Method: rec.Method, URL: rec.URL, Sent: sentHeader(r), Payload: r.body, Anonymous: r.anonymous,
		Status: rec.Status, Header: g.keptHeader(rec.Header), Size: len(rec.Body), Reused: rec.Timing.Reused,
		Timing: facts.Millis{DNS: ms(rec.Timing.DNS), Connect: ms(rec.Timing.Connect), TLS: ms(rec.Timing.TLS), FirstByte: ms(rec.Timing.FirstByte), Total: ms(took)},
	}
	kind := facts.ContentType(rec.Header)
	x.Message = facts.ParseMessage(kind, rec.Body).Keep()
	x.Body = g.hide(string(rec.Body[:min(len(rec.Body), maxBodyKept)]))
	if kind == "text/event-stream" {
		x.Broken, x.Odd = facts.CheckEvents(rec.Body, rec.Err == nil && !rec.Truncated)
		x.Endpoint = facts.NamesEndpoint(rec.Body)
	}
	switch {
	case rec.Err == nil:
	case rec.Status != 0 && errors.Is(rec.Err, context.DeadlineExceeded):
		x.Open = true
	case client.IsTimeout(rec.Err) && r.timeout < g.Client.Timeout() && rec.Stage != client.StageConnect: // its limit is not that of --timeout
		x.Failed, x.Stage = fmt.Sprintf("no answer within %s (%s)", report.Duration(took), rec.Stage), string(rec.Stage)
	default:
		x.Failed, x.Stage = report.Line(g.hide(rec.Err.Error())), string(rec.Stage)
		_, x.RefusedAddress = errors.AsType[*client.RefusedAddressError](rec.Err)
	}
	if r.call != nil {
		r.call.withhold(x)
	}
	return x
}

// sentHeader returns the header fields of a request that hold no secret.
func sentHeader(r request) map[string]string {
	sent := map[string]string{}
	for name, value := range r.header {
		if name == facts.SessionHeader && r.probe != "unknown session" {
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
			case facts.SessionHeader:
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

// withoutIDs removes the ids of sessions from text.
func (g *gatherer) withoutIDs(text string) string {
	for _, id := range g.ids {
		text = strings.ReplaceAll(text, id, "REDACTED")
	}
	return text
}

// hideIDs removes ids from the exchanges that were recorded before they were known: a
// server can show in one answer the sessions of requests that it has not answered yet.
func (g *gatherer) hideIDs() {
	for _, x := range g.f.Exchanges {
		x.Body, x.Failed = g.withoutIDs(x.Body), g.withoutIDs(x.Failed)
		for _, values := range x.Header {
			for i, v := range values {
				values[i] = g.withoutIDs(v)
			}
		}
		if x.Message != nil && x.Message.Error != nil {
			x.Message.Error.Message = g.withoutIDs(x.Message.Error.Message)
			if data := string(x.Message.Error.Data); g.withoutIDs(data) != data {
				x.Message.Error.Data = nil
			}
		}
	}
}

// hide removes the ids of sessions, and values that look secret, from foreign text.
func (g *gatherer) hide(text string) string {
	text = g.withoutIDs(text)
	text = sessionPair.ReplaceAllString(text, "${1}REDACTED")
	return strings.ToValidUTF8(report.RedactText(text), "\uFFFD")
}

// sessionPair matches a session id in an address, as HTTP+SSE has it.
var sessionPair = regexp.MustCompile(`(?i)(session_?id=)[^\s&"]+`)

func ms(d time.Duration) float64 { return report.InMillis(d.Truncate(time.Microsecond)) }
