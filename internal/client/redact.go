package client

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const redacted = "REDACTED"

var secretHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "Mcp-Session-Id"}

var secretKeys = []string{"token", "key", "secret", "code", "access_token", "api_key", "apikey", "password"}

// RedactURL writes u without its password and without the values of query keys
// that name a secret.
func RedactURL(u *url.URL) string {
	c := *u
	if c.User != nil {
		c.User = url.User(redacted)
	}
	c.RawQuery = queryPair.ReplaceAllStringFunc(c.RawQuery, func(pair string) string {
		key, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(key); err == nil && !slices.Contains(secretKeys, strings.ToLower(name)) {
			return pair
		}
		return key + "=" + redacted
	})
	return c.String()
}

var queryPair = regexp.MustCompile(`[^&;]+`)

// Redact is RedactURL for an address as it was typed.
func Redact(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		if at := strings.LastIndex(target, "@"); at >= 0 {
			target = redacted + target[at:]
		}
		return strings.SplitN(target, "?", 2)[0]
	}
	return RedactURL(u)
}

// Secrets are values that must not show, longest first.
type Secrets []string

// SecretsOf collects the values of h that name a credential: of the headers
// known for it, and of every header whose value was read from a file.
func SecretsOf(h http.Header, more ...string) Secrets {
	var s Secrets
	for _, name := range secretHeaders {
		for _, value := range h.Values(name) {
			s = append(s, value)
			if _, credential, ok := strings.Cut(value, " "); ok {
				s = append(s, credential)
			}
		}
	}
	s = append(s, more...)
	s = slices.DeleteFunc(s, func(v string) bool { return len(v) < 4 })
	slices.SortFunc(s, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(s)
}

// Redact blanks every secret in text.
func (s Secrets) Redact(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	return text
}
