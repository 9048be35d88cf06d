package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of a token.
const (
	maxToken  = 64 << 10
	warnToken = 8 << 10 // larger headers are refused by common servers
	maxDepth  = 32
)

// Kind is the form of a token.
type Kind string

// Kinds of tokens.
const (
	JWS    Kind = "JWS"    // three parts: claims that anyone can read
	JWE    Kind = "JWE"    // five parts: encrypted
	Opaque Kind = "opaque" // anything else
)

// Token is a decoded token.
type Token struct {
	Kind   Kind
	Header map[string]any
	Claims map[string]any

	raw     string // for the signature; never printed
	problem error  // why header or claims cannot be read
}

// Clean removes text that is often pasted around a token, and names each removed part.
func Clean(text string) (token string, mistakes []string) {
	token = strings.TrimSpace(text)
	for _, m := range []struct{ prefix, name string }{
		{"Authorization:", "the header name"}, {"authorization:", "the header name"}, {"Bearer ", "the word Bearer"}, {"bearer ", "the word Bearer"}, {"Bearer ", "the word Bearer a second time"},
	} {
		if rest, ok := strings.CutPrefix(token, m.prefix); ok {
			token, mistakes = strings.TrimSpace(rest), append(mistakes, m.name)
		}
	}
	if n := len(token); n > 1 && (token[0] == '"' || token[0] == '\'') && token[n-1] == token[0] {
		token, mistakes = token[1:n-1], append(mistakes, "quotes")
	}
	if strings.ContainsAny(token, " \t\r\n") {
		token, mistakes = strings.Join(strings.Fields(token), ""), append(mistakes, "blanks or newlines inside")
	}
	return token, mistakes
}

// Decode reads a token. It fails only for empty and for oversized tokens.
func Decode(text string) (*Token, error) {
	switch {
	case text == "":
		return nil, errors.New("the token is empty")
	case len(text) > maxToken:
		return nil, fmt.Errorf("the token has %d bytes; the maximum is %d", len(text), maxToken)
	}
	t := &Token{Kind: Opaque, raw: text}
	dots := strings.Count(text, ".")
	head, rest, _ := strings.Cut(text, ".")
	header, err := decodeObject("header", head)
	switch {
	case dots == 2 && err == nil:
		t.Kind, t.Header = JWS, header
		payload, _, _ := strings.Cut(rest, ".")
		t.Claims, t.problem = decodeObject("payload", payload)
	case dots == 4 && err == nil && header["enc"] != nil:
		t.Kind, t.Header = JWE, header
	case jsonPart.MatchString(text) && !foreign.MatchString(text):
		t.Kind, t.Header, t.problem = JWS, header, damage(dots+1, err)
	}
	return t, nil
}

var (
	// jsonPart matches a text with a part that begins, as a JSON object does in base64, with
	// one of {" and { followed by a blank or a newline. The first part may have text before it.
	jsonPart = regexp.MustCompile(`(^|\.)e(yJ|yA|wo|w0|wk)|^[^.]{1,32}eyJ[^.]*\..`)
	// foreign matches tokens of other kinds that contain JSON: PASETO, and those of Mapbox.
	foreign = regexp.MustCompile(`^(v[1-4]\.(public|local)|[pst]k)\.`)
)

// damage says why a text that contains parts of a JWT is none. header is the error of
// its first part.
func damage(parts int, header error) error {
	switch {
	case header != nil:
		return fmt.Errorf("a damaged JWT: %w", header)
	case parts == 5:
		return errors.New("a damaged JWT: 5 parts, as an encrypted one has, but no enc in its header")
	case parts == 1:
		return errors.New("a damaged JWT: only its header, without payload and signature")
	}
	return fmt.Errorf("a damaged JWT: %d parts instead of 3", parts)
}

// decodeObject reads a part strictly: base64url without padding, UTF-8, one JSON
// object without duplicate members, at most maxDepth deep.
func decodeObject(name, part string) (map[string]any, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, fmt.Errorf("the %s is not base64url without padding", name)
	}
	return decodeJSON(name, data)
}

// decodeJSON reads data as strictly. Numbers stay as they are written.
func decodeJSON(name string, data []byte) (map[string]any, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("the %s is not UTF-8", name)
	}
	if err := checkJSON(data); err != nil {
		return nil, fmt.Errorf("the %s is not valid JSON: %w", name, err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	object := map[string]any{}
	if err := dec.Decode(&object); err != nil || object == nil {
		return nil, fmt.Errorf("the %s is not a JSON object", name)
	}
	return object, nil
}

// checkJSON reads data with the strict reader and bounds its depth.
func checkJSON(data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for depth := 0; ; {
		tok, err := dec.ReadToken()
		if err != nil {
			return errors.New("a duplicate member, a wrong token or an early end")
		}
		switch tok.Kind() {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth > maxDepth {
			return fmt.Errorf("nested deeper than %d", maxDepth)
		}
		if depth == 0 {
			break
		}
	}
	if rest := bytes.TrimSpace(data[dec.InputOffset():]); len(rest) > 0 {
		return fmt.Errorf("%d bytes after its end", len(rest))
	}
	return nil
}

// text returns a string member, "" if there is none.
func text(object map[string]any, name string) string {
	s, _ := object[name].(string)
	return s
}

// texts returns a member that is a string, a string of words, or a list of strings.
func texts(object map[string]any, name string, split bool) []string {
	switch v := object[name].(type) {
	case string:
		if split {
			return strings.Fields(v)
		}
		return []string{v}
	case []any:
		var list []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}
