package bundle

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// removed stands where a secret was.
const removed = "REDACTED"

// minSecret is the length from which a value is blanked wherever it occurs: a short
// one would blank words.
const minSecret = 6

// Redactor removes secrets from text.
type Redactor struct {
	known []string // values, the longest first
}

// Know adds values that are secrets wherever they occur.
func (r *Redactor) Know(values ...string) {
	for _, v := range values {
		if v = strings.TrimSpace(v); len(v) >= minSecret && !slices.Contains(r.known, v) {
			r.known = append(r.known, v)
		}
	}
	slices.SortFunc(r.known, func(a, b string) int { return len(b) - len(a) })
}

// KnowEnvironment adds the values of variables with secret names.
func (r *Redactor) KnowEnvironment(environ []string) {
	for _, set := range environ {
		name, value, _ := strings.Cut(set, "=")
		if report.SecretName(name) {
			r.Know(value)
		}
	}
}

// Clean returns data without secrets, and their number. JSON keeps its order and values
// of secret names are removed whatever they look like; other text is read by lines.
func (r *Redactor) Clean(data []byte) (clean []byte, n int) {
	c := cleaner{r: r}
	if head := bytes.TrimLeft(data, " \t\r\n"); len(head) > 0 && (head[0] == '{' || head[0] == '[') {
		if out, err := c.json(data); err == nil {
			return out, c.n
		}
		c.n = 0
	}
	return c.lines(data), c.n
}

// cleaner is one run over a text.
type cleaner struct {
	r *Redactor
	n int
}

// text removes secrets from one line or one string.
func (c *cleaner) text(s string) string {
	before := strings.Count(s, removed)
	for _, v := range c.r.known {
		s = strings.ReplaceAll(s, v, removed)
	}
	s = report.RedactText(s)
	c.n += max(0, strings.Count(s, removed)-before)
	return s
}

func (c *cleaner) lines(data []byte) []byte {
	var out bytes.Buffer
	key := false // inside the lines of a private key
	for line := range strings.Lines(string(data)) {
		switch begin := strings.Contains(line, "-----BEGIN ") && strings.Contains(line, "PRIVATE KEY"); {
		case begin:
			key = !strings.Contains(line, "-----END ")
			out.WriteString("private key " + removed + "\n")
			c.n++
		case key:
			key = !strings.Contains(line, "-----END ")
		default:
			text, end := strings.CutSuffix(line, "\n")
			out.WriteString(c.line(text))
			if end {
				out.WriteByte('\n')
			}
		}
	}
	return out.Bytes()
}

// unended is a secret member of JSON that was cut off.
var unended = regexp.MustCompile(`("([^"]+)"\s*:\s*)"[^"]*$`)

// line is text for a line, which may be JSON by itself or the beginning of some.
func (c *cleaner) line(s string) string {
	if strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") {
		whole := cleaner{r: c.r}
		if out, err := whole.json([]byte(s)); err == nil {
			c.n += whole.n
			return strings.TrimSuffix(string(out), "\n")
		}
	}
	if m := unended.FindStringSubmatchIndex(s); m != nil && report.SecretName(s[m[4]:m[5]]) {
		c.n++
		s = s[:m[3]] + removed
	}
	return c.text(s)
}

// json removes secrets from JSON values that follow each other.
func (c *cleaner) json(data []byte) ([]byte, error) {
	var out bytes.Buffer
	options := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	in := jsontext.NewDecoder(bytes.NewReader(data), options...)
	to := jsontext.NewEncoder(&out, append(options, jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true))...)
	for {
		err := c.value(in, to, false)
		if errors.Is(err, io.EOF) {
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// value copies one value; secret says that it is one.
func (c *cleaner) value(in *jsontext.Decoder, out *jsontext.Encoder, secret bool) error {
	t, err := in.ReadToken()
	if err != nil {
		return err
	}
	switch t.Kind() {
	case '"':
		return out.WriteToken(jsontext.String(c.member(t.String(), secret)))
	case '0':
		if s := t.String(); secret && len(s) > minSecret {
			c.n++
			return out.WriteToken(jsontext.String(removed))
		}
		return out.WriteToken(t)
	case '{', '[':
		return c.inside(t, in, out, secret)
	}
	return out.WriteToken(t)
}

// inside copies the members of an object, or the elements of an array, after its first token.
func (c *cleaner) inside(first jsontext.Token, in *jsontext.Decoder, out *jsontext.Encoder, secret bool) error {
	object := first.Kind() == '{'
	if err := out.WriteToken(first); err != nil {
		return err
	}
	for in.PeekKind() != '}' && in.PeekKind() != ']' {
		below := secret
		if object {
			name, err := in.ReadToken()
			if err != nil {
				return err
			}
			key := name.String()
			below = secret || report.SecretName(key)
			if err := out.WriteToken(jsontext.String(c.text(key))); err != nil {
				return err
			}
		}
		if err := c.value(in, out, below); err != nil {
			return err
		}
	}
	last, err := in.ReadToken()
	if err != nil {
		return err
	}
	return out.WriteToken(last)
}

// member returns a string without its secrets.
func (c *cleaner) member(s string, secret bool) string {
	switch {
	case secret && s != "":
		c.n++
		return removed
	case strings.Contains(s, "\n"):
		return string(c.lines([]byte(s)))
	}
	return c.text(s)
}
