package client

import (
	"bytes"
	"io"
	"slices"
)

// leastInBody is the shortest secret that is looked for in answers: a shorter value
// could be a word of the protocol.
const leastInBody = 8

// InBodies returns the secrets that are looked for in answers.
func (s Secrets) InBodies() Secrets {
	return slices.DeleteFunc(slices.Clone(s), func(s string) bool { return len(s) < leastInBody })
}

// redactor blanks secrets in an answer before anybody reads it: half of a secret,
// cut or quoted later, would not be recognized.
type redactor struct {
	io.ReadCloser
	secrets Secrets
	rest    string // read, perhaps the beginning of a secret
	clean   string // ready to be returned
	err     error
}

// redact wraps an answer if there are secrets to look for.
func redact(answer io.ReadCloser, secrets Secrets) io.ReadCloser {
	if len(secrets) == 0 {
		return answer
	}
	return &redactor{ReadCloser: answer, secrets: secrets}
}

func (r *redactor) Read(p []byte) (int, error) {
	for len(p) > 0 && r.clean == "" && r.err == nil {
		var n int
		n, r.err = r.ReadCloser.Read(p)
		if r.rest == "" && r.harmless(p[:n]) {
			return n, r.err // the usual case
		}
		text := r.secrets.Redact(r.rest + string(p[:n]))
		held := 0
		if r.err == nil {
			held = r.begun([]byte(text))
		}
		r.clean, r.rest = text[:len(text)-held], text[len(text)-held:]
	}
	if r.clean == "" {
		return 0, r.err
	}
	n := copy(p, r.clean)
	r.clean = r.clean[n:]
	return n, nil
}

// harmless reports whether text contains no secret and does not end within one.
func (r *redactor) harmless(text []byte) bool {
	for _, s := range r.secrets {
		if bytes.Contains(text, []byte(s)) {
			return false
		}
	}
	return r.begun(text) == 0
}

// begun returns how many of the last bytes of text could begin a secret.
func (r *redactor) begun(text []byte) int {
	most := 0
	for _, s := range r.secrets {
		for n := min(len(s)-1, len(text)); n > most; n-- {
			if string(text[len(text)-n:]) == s[:n] {
				most = n
			}
		}
	}
	return most
}
