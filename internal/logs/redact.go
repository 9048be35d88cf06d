package logs

import (
	"regexp"
	"strings"
)

// redactor removes secrets from text on its way out and counts them.
type redactor struct {
	patterns []secretPattern
	Count    int64
}

// secretPattern finds one kind of secret; keep is its replacement, in the syntax of
// regexp.Expand.
type secretPattern struct {
	re   *regexp.Regexp
	keep string
}

const removed = "[redacted]"

func newRedactor() *redactor {
	r := &redactor{}
	for _, p := range [...][2]string{
		{`(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{6,}`, "$1 " + removed},
		{`\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}(\.[A-Za-z0-9_-]*){0,3}`, removed},
		{`\b(sk|pk|rk)[-_][A-Za-z0-9_-]{10,}|\bgh[opsur]_[A-Za-z0-9]{10,}|\bgithub_pat_[A-Za-z0-9_]{10,}|\bxox[a-z]-[A-Za-z0-9-]{8,}|\bAKIA[A-Z0-9]{12,}|\bAIza[A-Za-z0-9_-]{20,}|\bglpat-[A-Za-z0-9_-]{10,}`, removed},
		{`-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(-----END [A-Z ]*PRIVATE KEY-----)?`, removed},
		{`(?i)\b((?:access_|refresh_|id_|auth_|client_|api_?|x-api-|private_|secret_)?(?:password|passwd|pwd|secret|token|api_?key|apikey|key|code|credential|cookie|authorization))("?\s*[:=]\s*"?)[^\s"'&,;}\[]{3,}`, "$1$2" + removed},
		{`(?i)\b([a-z][a-z0-9+.-]{1,20}://[^\s:/@]*:)[^\s@/]+@`, "$1" + removed + "@"},
		{`(?i)(mcp-session-id["']?\s*[:=]\s*["']?)[^\s"',;]+`, "$1" + removed},
	} {
		r.patterns = append(r.patterns, secretPattern{regexp.MustCompile(p[0]), p[1]})
	}
	return r
}

// text returns s without its secrets.
func (r *redactor) text(s string) string {
	if len(s) < 8 {
		return s
	}
	for _, p := range r.patterns {
		if !p.re.MatchString(s) {
			continue
		}
		before := strings.Count(s, removed)
		s = p.re.ReplaceAllString(s, p.keep)
		r.Count += int64(max(0, strings.Count(s, removed)-before))
	}
	return s
}
