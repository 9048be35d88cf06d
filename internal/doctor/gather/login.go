package gather

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/token"
)

// mistakesIn names mistakes in how a token is given.
func mistakesIn(h http.Header) []string {
	scheme, rest, found := strings.Cut(h.Get("Authorization"), " ")
	if found && strings.EqualFold(scheme, "Bearer") {
		_, mistakes := token.Clean(rest)
		return mistakes
	}
	var mistakes []string
	switch {
	case scheme != "" && !found:
		mistakes = append(mistakes, "Authorization without the word Bearer")
	case h.Get("Bearer") != "":
		mistakes = append(mistakes, "a header named Bearer instead of Authorization")
	case scheme == "" && strings.Contains(h.Get("Cookie"), "eyJ"):
		mistakes = append(mistakes, "the token in Cookie instead of Authorization")
	}
	return mistakes
}

// keyID returns the id of the key that signed the token of the user, "" if unknown.
func (g *gatherer) keyID() string {
	scheme, text, _ := strings.Cut(g.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	t, err := token.Decode(strings.TrimSpace(text))
	if err != nil {
		return ""
	}
	id, _ := t.Header["kid"].(string)
	return id
}

// keys reads the key set of an authorization server.
func (a *authGatherer) keys(ctx context.Context, m *facts.Metadata) {
	if m.URL == "" || m.KeysURL == "" {
		return
	}
	x, body := a.read(ctx, "keys", m.KeysURL)
	if !x.WasSent() {
		return
	}
	m.Keys = &facts.KeySet{}
	if !x.OK() {
		m.Keys.Failed = x.Outcome()
		return
	}
	set, err := token.ReadKeys(body, "the key set")
	if err != nil || bytes.Contains(body, []byte("-----BEGIN")) {
		m.Keys.Failed = "no JSON Web Key Set"
		return
	}
	m.Keys.Keys, m.Keys.Weak, m.Keys.Leaks = set.Len(), set.Weak(), set.Leaks
	if id := a.keyID(); id != "" {
		m.Keys.Missing = !set.Has(id)
	}
}

// endpoints asks for the login page without the parameters that begin a login, and
// refreshes a token where the user wants that.
func (a *authGatherer) endpoints(ctx context.Context, m facts.Metadata) {
	if m.URL == "" {
		return
	}
	if facts.IsWebAddress(m.Authorize) {
		a.read(ctx, "authorization endpoint", m.Authorize)
	}
	if a.Refresh != nil && facts.IsWebAddress(m.Token) && a.secure(m.Token) {
		a.f.Auth.Refresh = a.refresh(ctx, m.Token)
	}
}

// resourceOf returns the canonical address of a target, as RFC 8707 wants it. The token
// endpoint, which the server names, must not get the secrets in the address.
func resourceOf(target *url.URL) string {
	u := *target
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

// refresh spends the refresh token of the user. Neither the request nor the answer is
// recorded.
func (a *authGatherer) refresh(ctx context.Context, to string) *facts.Refreshed {
	done := &facts.Refreshed{}
	if a.f.Stopped != "" || a.budgetUsed(0) || time.Now().After(a.until) {
		return nil
	}
	a.f.Beside++
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.Refresh.Token}, "resource": {resourceOf(a.Target)}}
	if a.Refresh.ClientID != "" && a.Refresh.ClientSecret == "" {
		form.Set("client_id", a.Refresh.ClientID)
	}
	ctx, cancel := context.WithTimeout(ctx, facts.RequestTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return nil
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if a.Refresh.ClientSecret != "" {
		req.SetBasicAuth(url.QueryEscape(a.Refresh.ClientID), url.QueryEscape(a.Refresh.ClientSecret))
	}
	rec := a.client.Record(ctx, req, maxMetadata)
	done.Status = rec.Status
	if rec.Err != nil {
		done.Error = report.Line(rec.Err.Error())
	}
	var answer struct {
		Access  string  `json:"access_token"`
		Refresh string  `json:"refresh_token"`
		Expires float64 `json:"expires_in"`
		Error   string  `json:"error"`
	}
	if json.Unmarshal(rec.Body, &answer) != nil {
		return done
	}
	done.Seconds = answer.Expires
	if answer.Access == "" {
		secrets := client.SecretsOf(nil, a.Refresh.Token, a.Refresh.ClientSecret, answer.Refresh)
		done.Error = report.Cell(report.RedactText(secrets.Redact(answer.Error)), 60)
	}
	if answer.Refresh != "" && answer.Refresh != a.Refresh.Token {
		if done.Rotated = true; a.Refresh.Rotated != nil {
			a.Refresh.Rotated(answer.Refresh)
		}
	}
	return done
}
