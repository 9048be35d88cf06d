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
		"credentials", "cred", "creds", "auth", "authorization", "bearer", "cookie", "jwt", "pat", "signature", "code", "passcode", "pin", "otp", "salt",
	}
	secretEndings = []string{
		"password", "passwd", "passphrase", "passcode", "pass", "secret", "token", "apikey", "accesskey", "privatekey", "secretkey", "credentials",
		"authkey", "licensekey", "licencekey", "sessionkey", "signingkey", "encryptionkey", "masterkey",
		"passwords", "secrets", "apikeys", "accesskeys", "privatekeys", "secretkeys", "apitokens", "authtokens", "accesstokens", "refreshtokens", "bearertokens",
	}
	plainEndings = []string{"compass", "bypass", "trespass", "surpass", "overpass", "underpass", "multipass"}
	plainWords   = []string{"file", "path", "dir", "url", "uri", "type", "id", "name", "endpoint", "ttl", "timeout", "mode", "method", "methods", "count", "size", "server", "servers", "supported"}
	keyFiles     = []string{".pem", ".key", ".crt", ".p12"}
)

var (
	wordEnd = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	// The shapes of well-known tokens: GitHub, OpenAI and others, Slack, AWS, Google, GitLab, registries, JSON Web Tokens, webhooks.
	knownToken = regexp.MustCompile(`\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|sk-[\w-]{16,}|[prs]k_(?:live|test)_\w{10,}|whsec_\w{16,}|xox[abeprs]-[\w-]{10,}|xapp-[\w-]{10,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{20,}|ya29\.[\w-]{16,}|` +
		`gl(?:pat|ptt|dt|rt|cbt|soat|imt|agent|oas)-[\w-]{10,}|(?:hf|npm|ntn|gsk|figd|sbp|r8|secret)_\w{24,}|(?:dop_v1|lin_api)_\w{16,}|(?:tvly|pplx|pypi)-[\w-]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*` +
		`|hooks\.slack\.com/services/[\w/]+|discord(?:app)?\.com/api/webhooks/[\w/-]+)`)
	privateKey = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]*-----END [A-Z ]*PRIVATE KEY-----)?`)
	cookies    = regexp.MustCompile(`(?i)\b((?:set-)?cookie)(["']?\s*[:=]\s*)["']?[^\n"']+`)
	authHeader = regexp.MustCompile(`(?i)\b(authorization\\?["']?\s*[:=]\s*\\?["']?)(?:[a-z]+ +)?[^\s"',;\\]+`)
	credential = regexp.MustCompile(`(?i)\b(bearer|basic) +[^\s"']+`)
	address    = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`)
	// Before a value: NAME=, "name": and Name:, and --name of a flag.
	assignment = regexp.MustCompile(`([A-Za-z_][\w.-]*)\\?["']?[ \t]*[:=][ \t]*`)
	spaced     = regexp.MustCompile(`(--?[A-Za-z][\w-]*) +`)
	value      = regexp.MustCompile(`^(?:\\"[^"\n]*"?|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|[^\s"',;&{[][^\s"',;&]*)`)
	// A name whose value is a secret even if it is a short number.
	passwordName = regexp.MustCompile(`(?i)pass(?:word|wd|phrase)|pwd|secret|\bpin\b`)
	// A number that is a status, an exit code or an error code, and no secret.
	shortNumber = regexp.MustCompile(`^-?\d{1,6}$`)
	// A code that names an error, such as ECONNREFUSED, ERR_MODULE_NOT_FOUND, those of JSON-RPC or of systemd.
	errorName = regexp.MustCompile(`^\\?["']?(?:-\d{1,6}|E[A-Z]{3,20}|[A-Z]+(?:_[A-Z]+)+|(?i:parse ?error|invalid ?request|method ?not ?found|invalid ?params|internal ?error|server ?error)|killed|exited|dumped)\\?["']?$`)
	// A class of errors, after which Python and others name the variable or the key that is missing.
	errorClass   = regexp.MustCompile(`(?:Error|Exception)$`)
	variableName = regexp.MustCompile(`^(?:[A-Z]{1,20}(?:_[A-Z0-9]{1,20}){1,6}|[A-Za-z_]{1,40})$`)
	queryPair    = regexp.MustCompile(`[^&;]+`)
)

// RedactText is RedactArgs for a text, such as an argument or a line of a log.
func RedactText(text string) string {
	text = address.ReplaceAllStringFunc(text, RedactAddress)
	text = knownToken.ReplaceAllString(text, redacted)
	text = privateKey.ReplaceAllString(text, redacted)
	text = cookies.ReplaceAllString(text, "${1}${2}"+redacted)
	text = authHeader.ReplaceAllString(text, "${1}"+redacted)
	text = credential.ReplaceAllString(text, "$1 "+redacted)
	return redactPairs(spaced, redactPairs(assignment, text, nil), nil)
}

// redactPairs blanks the values that follow secret names in text: those of [SecretName], and
// those for which also, which may be nil, is true. The value of another name is searched
// too, as in --env=DB_PASSWORD=x.
func redactPairs(pair *regexp.Regexp, text string, also func(name, value string) bool) string {
	var b strings.Builder
	for {
		at := pair.FindStringSubmatchIndex(text)
		if at == nil {
			return b.String() + text
		}
		b.WriteString(text[:at[1]])
		name := text[at[2]:at[3]]
		text = text[at[1]:]
		secret := SecretName(name)
		if !secret && also == nil || pair == spaced && strings.HasPrefix(text, "-") {
			continue
		}
		if v := valueOf(name, text); v != "" && (secret || also(name, v)) && !isPlain(name, v) && (isBracket(v[0]) || !strings.Contains(v, redacted)) {
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

// valueOf returns the value of name at the beginning of text, in JSON also an
// object or an array.
func valueOf(name, text string) string {
	if name == "code" || text == "" || !isBracket(text[0]) {
		return value.FindString(text)
	}
	return bracketed(text)
}

func isBracket(c byte) bool { return c == '{' || c == '[' }

// bracketed returns the object or array at the beginning of text, or if it does
// not end, the rest of the line.
func bracketed(text string) string {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			return text[:i]
		case c == '\\':
			i++ // also before the quotes of JSON in JSON
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			depth++
		case c == '}', c == ']':
			if depth--; depth == 0 {
				return text[:i+1]
			}
		}
	}
	return text
}

// isPlain reports whether the value of a name that looks secret is none: a number,
// the name of an error or of a variable, a place where the secret is.
func isPlain(name, v string) bool {
	switch {
	case errorClass.MatchString(name) && isVariable(strings.Trim(v, `\"'`)):
		return true
	case name == "code" && errorName.MatchString(v):
		return true
	case passwordName.MatchString(name):
		return false
	}
	return isReference(v) || shortNumber.MatchString(v)
}

// isVariable reports whether text is the name of a variable of the environment or of a
// secret. Other words may be secrets.
func isVariable(text string) bool {
	return variableName.MatchString(text) && (text == strings.ToUpper(text) || SecretName(text))
}

// isReference reports whether the value of a secret name only says where the secret is.
func isReference(value string) bool {
	return isKeyFile(value) || strings.HasPrefix(value, "@") || strings.HasPrefix(value, "//")
}

// SecretName reports whether a flag, variable, header or member of that name
// looks as if it held a secret: DB_PASSWORD, --api-token, X-Api-Key, clientSecret.
func SecretName(name string) bool {
	words := nameWords(name)
	if strings.EqualFold(name, "mcp-session-id") {
		return true
	}
	if len(words) == 0 || slices.Contains(plainWords, words[len(words)-1]) {
		return false
	}
	return slices.ContainsFunc(words, secretWord) || hasSecretEnding(strings.Join(words, ""))
}

// nameWords returns the words of a name in lower case.
func nameWords(name string) []string {
	return strings.FieldsFunc(strings.ToLower(wordEnd.ReplaceAllString(name, "$1-$2")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// secretWord reports whether a word of a name says that the value is a secret. Some
// names are written as one word: PGPASSWORD, accesstoken, password2.
func secretWord(word string) bool {
	word = strings.TrimRight(word, "0123456789")
	return slices.Contains(secretWords, word) || hasSecretEnding(word)
}

func hasSecretEnding(word string) bool {
	ends := func(ending string) bool { return strings.HasSuffix(word, ending) }
	return slices.ContainsFunc(secretEndings, ends) && !slices.ContainsFunc(plainEndings, ends)
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

// queryKey matches keys that hold secrets in addresses only: the session of servers over
// HTTP+SSE, the signature of Azure, and the values that OpenID Connect and SAML pass on.
var queryKey = regexp.MustCompile(`(?i)^(?:session[_-]?(?:id)?|sid|sig|state|nonce|ticket|assertion|saml(?:request|response)|client_assertion|otp)$`)

// SecretQueryKey reports whether a query key, as it stands in a URL, looks
// secret or cannot be read.
func SecretQueryKey(key string) bool {
	name, err := url.QueryUnescape(key)
	return err != nil || SecretName(name) || queryKey.MatchString(name)
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
