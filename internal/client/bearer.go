package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Limits of a command that prints a token.
const (
	tokenTime  = 30 * time.Second
	maxToken   = 64 << 10
	renewEvery = 10 * time.Second // at most, where the server refuses each new token
	renewAhead = 30 * time.Second // before a token expires
)

// Bearer is a bearer token that a command prints. It is fetched again before it
// expires, and when the server refuses it. Clients may share it.
type Bearer struct {
	command string

	mu      sync.Mutex
	token   string
	secrets Secrets // this token and the one before it
	expires time.Time
	fetched time.Time
}

// NewBearer runs a command line of the shell and returns the token that it prints: a
// line, or JSON with access_token and perhaps expires_in.
func NewBearer(ctx context.Context, command string) (*Bearer, error) {
	b := &Bearer{command: command}
	return b, b.fetch(ctx)
}

// Token returns the token, and fetches a new one if it is about to expire. Where that
// fails the old one is returned: the server decides.
func (b *Bearer) Token(ctx context.Context) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.expires.IsZero() && time.Until(b.expires) < renewAhead && time.Since(b.fetched) > renewEvery {
		b.fetched = time.Now()
		_ = b.fetch(ctx) // the old token may still do
	}
	return b.token
}

// Secrets returns the values that must not be printed.
func (b *Bearer) Secrets() Secrets {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.secrets
}

// renew returns another token than the refused one, or "".
func (b *Bearer) renew(ctx context.Context, refused string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.token == refused {
		if time.Since(b.fetched) < renewEvery {
			return ""
		}
		if b.fetched = time.Now(); b.fetch(ctx) != nil {
			return "" // the answer says that the old one is refused
		}
	}
	if b.token == refused {
		return ""
	}
	return b.token
}

// fetch runs the command. The caller holds mu, or nobody else knows b.
func (b *Bearer) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tokenTime)
	defer cancel()
	cmd := shell(ctx, b.command)
	cmd.WaitDelay = time.Second // for a child that keeps standard output open
	var out bounded
	cmd.Stdout = &out
	err := cmd.Run()
	exit, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case ctx.Err() != nil:
		return fmt.Errorf("the command did not print a token within %s", tokenTime)
	case failed && exit.ExitCode() >= 0:
		return fmt.Errorf("the command ended with exit code %d; run it by hand to see why", exit.ExitCode())
	case err != nil:
		return fmt.Errorf("running the command: %w", err)
	case out.full:
		return fmt.Errorf("the command printed more than %d KiB; a token is expected, and nothing else", maxToken>>10)
	}
	token, expires, err := parseToken(out.kept, time.Now())
	if err != nil {
		return err
	}
	header := http.Header{"Authorization": {"Bearer " + token}}
	if b.token != "" {
		header.Add("Authorization", "Bearer "+b.token)
	}
	b.token, b.expires, b.secrets = token, expires, SecretsOf(header)
	return nil
}

// bounded keeps the beginning of an output.
type bounded struct {
	kept []byte
	full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.full = b.full || len(b.kept)+len(p) > maxToken; !b.full {
		b.kept = append(b.kept, p...)
	}
	return len(p), nil
}

// parseToken reads the output of the command. The time of expiry is zero if it is not known.
func parseToken(out []byte, now time.Time) (token string, expires time.Time, err error) {
	text := strings.TrimSpace(string(out))
	if strings.HasPrefix(text, "{") {
		var doc struct {
			AccessToken string  `json:"access_token"`
			Token       string  `json:"token"`
			ExpiresIn   float64 `json:"expires_in"`
		}
		if json.Unmarshal([]byte(text), &doc) != nil {
			return "", time.Time{}, errors.New("the command printed JSON that cannot be read; access_token is expected")
		}
		text = doc.AccessToken
		if text == "" {
			text = doc.Token
		}
		if doc.ExpiresIn > 0 && doc.ExpiresIn < 1e9 {
			expires = now.Add(time.Duration(doc.ExpiresIn * float64(time.Second)))
		}
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, "Bearer "))
	switch {
	case text == "":
		return "", time.Time{}, errors.New("the command printed no token")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", time.Time{}, errors.New("the command printed more than one line or word; a token is expected, and nothing else")
	}
	if expires.IsZero() {
		expires = expiryOf(text)
	}
	return text, expires, nil
}

// expiryOf returns when a JWT expires, zero for other tokens.
func expiryOf(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Exp <= 0 || claims.Exp > 1e11 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0)
}
