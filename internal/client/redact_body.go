package client

import (
	"io"
	"slices"
	"strings"
)

// leastInBody is how long a secret must be to be looked for in answers: a short
// one could be a word of the protocol.
const leastInBody = 8

// redactor blanks secrets in an answer before anybody reads it: what is cut or
// quoted later would no longer be known for one.
type redactor struct {
	io.ReadCloser
	secrets Secrets
	rest    string // read, perhaps the beginning of a secret
	clean   string // to be handed out
	err     error
	buf     [4 << 10]byte
}

// redact wraps an answer, where there are secrets to look for.
func redact(answer io.ReadCloser, secrets Secrets) io.ReadCloser {
	long := slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return len(s) < leastInBody })
	if len(long) == 0 {
		return answer
	}
	return &redactor{ReadCloser: answer, secrets: long}
}

func (r *redactor) Read(p []byte) (int, error) {
	for r.clean == "" && r.err == nil {
		var n int
		n, r.err = r.ReadCloser.Read(r.buf[:])
		text := r.secrets.Redact(r.rest + string(r.buf[:n]))
		held := 0
		if r.err == nil {
			held = r.begun(text)
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

// begun is how many of the last bytes of text could begin a secret.
func (r *redactor) begun(text string) int {
	most := 0
	for _, s := range r.secrets {
		for n := min(len(s)-1, len(text)); n > most; n-- {
			if strings.HasSuffix(text, s[:n]) {
				most = n
			}
		}
	}
	return most
}
