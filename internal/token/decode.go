package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of a token.
const (
	maxToken  = 64 << 10
	warnToken = 16 << 10 // larger headers are refused by common servers
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
	parts := strings.Count(text, ".") + 1
	switch {
	case parts == 5 && strings.HasPrefix(text, "eyJ"):
		t.Kind = JWE
		head, _, _ := strings.Cut(text, ".")
		t.Header, t.problem = decodeObject("header", head)
	case parts == 3:
		head, rest, _ := strings.Cut(text, ".")
		payload, _, _ := strings.Cut(rest, ".")
		header, err := decodeObject("header", head)
		if err != nil && !strings.HasPrefix(text, "eyJ") {
			return t, nil // three parts by chance
		}
		t.Kind, t.Header, t.problem = JWS, header, err
		if err == nil {
			t.Claims, t.problem = decodeObject("payload", payload)
		}
	}
	return t, nil
}

// decodeObject reads a part strictly: base64url without padding, UTF-8, one JSON
// object without duplicate members, at most maxDepth deep.
func decodeObject(name, part string) (map[string]any, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, fmt.Errorf("the %s is not base64url without padding", name)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("the %s is not UTF-8", name)
	}
	if err := checkJSON(data); err != nil {
		return nil, fmt.Errorf("the %s is not valid JSON: %w", name, err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	object := map[string]any{}
	if err := dec.Decode(&object); err != nil {
		return nil, fmt.Errorf("the %s is no JSON object", name)
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
