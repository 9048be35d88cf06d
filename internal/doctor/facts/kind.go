package facts

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// AnswerKind is the reason why the entry exchange is not the answer of an MCP server.
// Each one belongs to exactly one rule, so that one cause is one failure.
type AnswerKind string

// The kinds; those of certificates are constants, too, but strings.
const (
	KindAnswer      AnswerKind = ""             // it is an answer of MCP, perhaps a JSON-RPC error
	KindNone        AnswerKind = "none"         // no answer at all
	KindAuth        AnswerKind = "auth"         // 401, or a challenge
	kindLimit       AnswerKind = "limit"        // too many requests
	KindRedirect    AnswerKind = "redirect"     // 3xx
	KindWAF         AnswerKind = "waf"          // a firewall in front of the server
	KindGateway     AnswerKind = "gateway"      // a proxy without a server behind it
	KindHost        AnswerKind = "host"         // the Host field is refused
	KindAccept      AnswerKind = "accept"       // 406 though both types are accepted
	KindLack        AnswerKind = "lack"         // 2xx, but no answer or half of one
	KindContentType AnswerKind = "content_type" // 2xx, but neither JSON nor events
	KindPath        AnswerKind = "path"         // 404 or 405: nothing is served here
	KindStatus      AnswerKind = "status"       // any other status
)

// Kind classifies the entry exchange.
func (x *Exchange) Kind() AnswerKind {
	switch {
	case x.Status == 0, x.WantsTLS():
		return KindNone
	case IsLimited(x):
		return kindLimit
	case x.Status == http.StatusUnauthorized, x.Status/100 == 4 && x.Header.Get("Www-Authenticate") != "":
		return KindAuth
	case x.Status/100 == 3:
		return KindRedirect
	case x.isFirewall():
		return KindWAF
	case x.IsGateway():
		return KindGateway
	case x.refusesHost():
		return KindHost
	case x.Status == http.StatusNotAcceptable:
		return KindAccept
	case x.OK() && x.Lacks() != "":
		return KindLack
	case x.OK():
		return x.KindOfBody()
	case x.Code() != 0 && x.Status != http.StatusNotFound && x.Status != http.StatusMethodNotAllowed && x.Status < 500:
		return KindAnswer
	case x.Status == http.StatusNotFound, x.Status == http.StatusMethodNotAllowed:
		return KindPath
	}
	return KindStatus
}

// WantsTLS reports whether the server speaks TLS, and got a request without it.
func (x *Exchange) WantsTLS() bool {
	return strings.Contains(x.Failed, "speaks TLS") || x.Status == http.StatusBadRequest && slices.ContainsFunc(
		[]string{"plain HTTP request was sent to HTTPS port", "HTTP request to an HTTPS server", "plain HTTP to an SSL-enabled server port"},
		func(words string) bool { return strings.Contains(x.Body, words) })
}

// ProtocolOf names the program that speaks a known protocol other than HTTP, "" for
// others.
func ProtocolOf(first string) string {
	for _, p := range []struct{ begin, name string }{
		{"SSH-", "SSH"}, {"-ERR ", "Redis"}, {"-NOAUTH ", "Redis"}, {"-DENIED ", "Redis"}, {"AMQP", "RabbitMQ"}, {"220 ", "a server of mail or FTP"}, {"220-", "a server of mail or FTP"}, {"* OK ", "a mail server"},
	} {
		if strings.HasPrefix(first, p.begin) {
			return p.name
		}
	}
	return ""
}

// Listening names the process that listens, where that is known, or the usual one.
func (f *Facts) Listening() []string {
	if l := f.Network.Listener; l != nil {
		return []string{fmt.Sprintf("process %d listens: %s", l.PID, l.Command)}
	}
	usual := map[string]string{"22": "SSH", "25": "mail", "3306": "MySQL", "5432": "PostgreSQL", "5672": "RabbitMQ", "6379": "Redis", "9092": "Kafka", "11211": "memcached", "27017": "MongoDB"}
	if name := usual[URLOf(f.Target).Port()]; name != "" {
		return []string{"the port is usually that of " + name}
	}
	return nil
}

// KindOfBody classifies an answer with a status of 2xx.
func (x *Exchange) KindOfBody() AnswerKind {
	switch ContentType(x.Header) {
	case "application/json", "text/event-stream":
		return KindAnswer
	}
	return KindContentType
}

// isFirewall reports whether a web application firewall or bot protection answered.
func (x *Exchange) isFirewall() bool {
	if x.Header.Get("Cf-Mitigated") != "" || x.Header.Get("X-Vercel-Mitigated") != "" {
		return true
	}
	if x.Status != http.StatusForbidden && x.Status != http.StatusServiceUnavailable || ContentType(x.Header) != "text/html" {
		return false
	}
	body := strings.ToLower(x.Body)
	return slices.ContainsFunc([]string{"just a moment", "error 1010", "error 1020", "error code: 1010", "error code: 1020", "attention required", "request blocked", "vercel security checkpoint"},
		func(words string) bool { return strings.Contains(body, words) })
}

// IsGateway reports whether a proxy answered because it could not reach the server.
func (x *Exchange) IsGateway() bool {
	switch x.Status {
	case http.StatusBadGateway, http.StatusGatewayTimeout, 521, 522, 523, 524:
		return true
	case http.StatusServiceUnavailable:
		return x.Code() == 0
	}
	return false
}

// refusesHost reports whether the server answers that it does not serve this host.
func (x *Exchange) refusesHost() bool {
	if x.Status == http.StatusMisdirectedRequest {
		return true
	}
	if x.Status != http.StatusForbidden && x.Status != http.StatusBadRequest {
		return false
	}
	return x.Status == http.StatusForbidden && strings.HasPrefix(strings.ToLower(x.Body), "access is only allowed at ") || hostRefused.MatchString(x.Body)
}

// hostRefused matches the words by which frameworks refuse a host name, and not those of error
// pages that name their own host.
var hostRefused = regexp.MustCompile(`(?i)\b(invalid|forbidden|disallowed|blocked|unknown|untrusted|unrecognized)\b[^.,"<>{}\n]{0,20}\b(http_)?hosts?(name)?\b|` +
	`\bhosts?(name)?\b[^,<>{}\n]{0,80}\b(invalid|forbidden|not (allowed|permitted|recognized|in))\b`)
