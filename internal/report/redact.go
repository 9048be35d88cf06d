package report

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// redacted replaces secrets in output.
const redacted = "REDACTED"

// Words in names of secrets, and last words that say that the value is none.
var (
	secretWords = []string{
		"token", "secret", "secrets", "password", "passwords", "passwd", "passphrase", "pwd", "pass", "key", "apikey", "credential",
		"credentials", "auth", "authorization", "bearer", "cookie", "jwt", "pat", "signature", "code",
	}
	plainWords = []string{"file", "path", "dir", "url", "uri", "type", "id", "name", "endpoint", "ttl", "timeout", "mode", "method", "count", "size"}
	keyFiles   = []string{".pem", ".key", ".crt", ".p12"}
)

var (
	wordEnd = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	// The shapes of well-known tokens: GitHub, OpenAI and others, Slack, AWS, JSON Web Tokens.
	knownToken = regexp.MustCompile(`\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|sk-[\w-]{16,}|[prs]k_(?:live|test)_\w{10,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{20,}|glpat-[\w-]{10,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*)`)
	privateKey = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]*-----END [A-Z ]*PRIVATE KEY-----)?`)
	cookies    = regexp.MustCompile(`(?i)\b((?:set-)?cookie)(["']?\s*[:=]\s*)["']?[^\n"']+`)
	authHeader = regexp.MustCompile(`(?i)\b(authorization\\?["']?\s*[:=]\s*\\?["']?)(?:[a-z]+ +)?[^\s"',;\\]+`)
	credential = regexp.MustCompile(`(?i)\b(bearer|basic) +[^\s"']+`)
	address    = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`)
	// Before a value: NAME=, "name": and Name:, and --name of a flag.
	assignment = regexp.MustCompile(`([A-Za-z_][\w.-]*)\\?["']?[ \t]*[:=][ \t]*`)
	spaced     = regexp.MustCompile(`(--?[A-Za-z][\w-]*) +`)
	value      = regexp.MustCompile(`^(?:\\"[^"\n]*"|"[^"\n]*"|'[^'\n]*'|[^\s"',;&-][^\s"',;&]*)`)
	// A number that is a status, an exit code or an error code, and no secret.
	shortNumber = regexp.MustCompile(`^-?\d{1,6}$`)
	// A code that names an error, such as ECONNREFUSED, ERR_MODULE_NOT_FOUND, those of JSON-RPC or of systemd.
	errorName = regexp.MustCompile(`^\\?["']?(?:-\d{1,6}|E[A-Z]{3,20}|[A-Z]+(?:_[A-Z]+)+|(?i:parse ?error|invalid ?request|method ?not ?found|invalid ?params|internal ?error|server ?error)|killed|exited|dumped)\\?["']?$`)
	queryPair = regexp.MustCompile(`[^&;]+`)
)

// RedactArgs returns a command line without its secrets: values of flags,
// variables, headers and members of JSON whose names look secret, passwords in
// addresses, and tokens of a known shape.
func RedactArgs(args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		flag := i > 0 && strings.HasPrefix(args[i-1], "-") && !strings.Contains(args[i-1], "=")
		if flag && SecretName(args[i-1]) && !strings.HasPrefix(arg, "-") && !isKeyFile(arg) {
			out[i] = redacted
			continue
		}
		out[i] = RedactText(arg)
	}
	return out
}

// RedactText is RedactArgs for a text, such as an argument or a line of a log.
func RedactText(text string) string {
	text = address.ReplaceAllStringFunc(text, RedactAddress)
	text = knownToken.ReplaceAllString(text, redacted)
	text = privateKey.ReplaceAllString(text, redacted)
	text = cookies.ReplaceAllString(text, "${1}${2}"+redacted)
	text = authHeader.ReplaceAllString(text, "${1}"+redacted)
	text = credential.ReplaceAllString(text, "$1 "+redacted)
	return redactPairs(spaced, redactPairs(assignment, text))
}

// redactPairs blanks the values that follow secret names in text. The value of
// another name is searched too, as in --env=DB_PASSWORD=x.
func redactPairs(name *regexp.Regexp, text string) string {
	var b strings.Builder
	for {
		at := name.FindStringSubmatchIndex(text)
		if at == nil {
			return b.String() + text
		}
		b.WriteString(text[:at[1]])
		secret, code := SecretName(text[at[2]:at[3]]), text[at[2]:at[3]] == "code"
		text = text[at[1]:]
		if !secret {
			continue
		}
		if v := value.FindString(text); v != "" && (!code || !errorName.MatchString(v)) && !isReference(v) && !shortNumber.MatchString(v) && !strings.Contains(v, redacted) {
			quote := ""
			switch v[0] {
			case '"', '\'':
				quote = v[:1]
			case '\\':
				quote = v[:2]
			}
			b.WriteString(quote + redacted + quote)
			text = text[len(v):]
		}
	}
}

// isReference reports whether the value of a secret name only says where the secret is.
func isReference(value string) bool {
	return isKeyFile(value) || strings.HasPrefix(value, "@") || strings.HasPrefix(value, "//")
}

// SecretName reports whether a flag, variable, header or member of that name
// looks as if it held a secret: DB_PASSWORD, --api-token, X-Api-Key, clientSecret.
func SecretName(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(wordEnd.ReplaceAllString(name, "$1-$2")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	if strings.EqualFold(name, "mcp-session-id") {
		return true
	}
	if len(words) == 0 || slices.Contains(plainWords, words[len(words)-1]) {
		return false
	}
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(secretWords, word) })
}

// isKeyFile reports whether the value of a flag names a file, as that of --key does.
func isKeyFile(value string) bool {
	return slices.ContainsFunc(keyFiles, func(suffix string) bool { return strings.HasSuffix(value, suffix) })
}

// RedactURL writes u without its password and without the values of query keys
// that look secret.
func RedactURL(u *url.URL) string {
	c := *u
	if c.User != nil {
		c.User = url.User(redacted)
	}
	c.RawQuery = queryPair.ReplaceAllStringFunc(c.RawQuery, func(pair string) string {
		key, _, _ := strings.Cut(pair, "=")
		if SecretQueryKey(key) {
			return key + "=" + redacted
		}
		return pair
	})
	return c.String()
}

// sessionKey matches the query keys in which servers over HTTP+SSE keep the session.
var sessionKey = regexp.MustCompile(`(?i)^session[_-]?(?:id)?$`)

// SecretQueryKey reports whether a query key, as it stands in a URL, looks
// secret or cannot be read.
func SecretQueryKey(key string) bool {
	name, err := url.QueryUnescape(key)
	return err != nil || SecretName(name) || sessionKey.MatchString(name)
}

// RedactAddress is RedactURL for an address as it was typed, perhaps without a scheme.
func RedactAddress(target string) string {
	if !strings.Contains(target, "://") {
		return strings.TrimPrefix(RedactAddress("http://"+target), "http://")
	}
	u, err := url.Parse(target)
	if err != nil {
		if at := strings.LastIndex(target, "@"); at >= 0 {
			target = redacted + target[at:]
		}
		return strings.SplitN(target, "?", 2)[0]
	}
	return RedactURL(u)
}
