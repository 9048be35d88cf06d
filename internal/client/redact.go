package client

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

const redacted = "REDACTED"

// RedactURL writes u without its password and without the values of query keys
// that look secret.
func RedactURL(u *url.URL) string { return report.RedactURL(u) }

// RedactProxy is RedactURL for the address of a proxy. A password that is not escaped, with
// # or a space in it, makes net/http read the whole of HTTP_PROXY as a host with a path.
func RedactProxy(u *url.URL) string {
	text := RedactURL(u)
	if at := strings.LastIndex(text, "@"); u.User == nil && at >= 0 {
		return redacted + text[at:]
	}
	return text
}

// Redact is RedactURL for an address as the user typed it.
func Redact(target string) string { return report.RedactAddress(target) }

var queryPair = regexp.MustCompile(`[^&;]+`)

// Secrets are values that must not be printed, longest first.
type Secrets []string

// SecretsOf collects the values of h that are credentials by the name of their header,
// and more, such as the values that were read from a file.
func SecretsOf(h http.Header, more ...string) Secrets {
	var s Secrets
	for name, values := range h {
		if !report.SecretName(name) {
			continue
		}
		for _, value := range values {
			s = append(s, secretParts(name, value)...)
		}
	}
	s = append(s, more...)
	for range 2 { // an error page can quote a quoted value once more
		for _, value := range slices.Clone(s) {
			s = append(s, otherForms(value)...)
		}
		slices.Sort(s)
		s = slices.Compact(s)
	}
	s = slices.DeleteFunc(s, func(v string) bool { return len(v) < 4 })
	slices.SortStableFunc(s, func(a, b string) int { return len(b) - len(a) })
	return s
}

// secretParts returns the value of a header and the parts of it that a server may quote
// alone: the credential after the scheme, the password of Basic, the values of cookies.
func secretParts(name, value string) []string {
	parts := []string{value}
	if scheme, credential, ok := strings.Cut(value, " "); ok {
		parts = append(parts, credential)
		if plain, err := base64.StdEncoding.DecodeString(credential); err == nil && strings.EqualFold(scheme, "Basic") {
			_, password, _ := strings.Cut(string(plain), ":")
			parts = append(parts, password)
		}
	}
	if name == "Cookie" {
		for pair := range strings.SplitSeq(value, ";") {
			if _, v, _ := strings.Cut(pair, "="); len(v) >= leastInBody {
				parts = append(parts, v)
			}
		}
	}
	return parts
}

// otherForms returns a value as it is written in JSON, quoted by Go and in a URL.
func otherForms(value string) []string {
	quoted := strconv.Quote(value)
	forms := []string{quoted[1 : len(quoted)-1], url.QueryEscape(value), url.PathEscape(value)}
	if data, err := json.Marshal(value); err == nil {
		forms = append(forms, string(data[1:len(data)-1]))
	}
	return forms
}

// Redact blanks every secret in text.
func (s Secrets) Redact(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	return text
}

// SecretsIn collects the credentials in u: its password, as it stands and
// as net/http sends it, and the values of query keys that name a secret.
func SecretsIn(u *url.URL) []string {
	var s []string
	if password, ok := u.User.Password(); ok {
		_, escaped, _ := strings.Cut(u.User.String(), ":")
		s = append(s, password, escaped, base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	} else if name := u.User.Username(); name != "" { // a token, as some write it
		s = append(s, name, u.User.String(), base64.StdEncoding.EncodeToString([]byte(name+":")))
	}
	for _, pair := range queryPair.FindAllString(u.RawQuery, -1) {
		key, value, _ := strings.Cut(pair, "=")
		if !report.SecretQueryKey(key) {
			continue
		}
		s = append(s, value)
		if plain, err := url.QueryUnescape(value); err == nil {
			s = append(s, plain)
		}
	}
	return s
}
