// Package webapi asks servers that answer over HTTP in JSON. It sends nothing but GET, of
// the paths that its user lists.
package webapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Server is a server with the paths that may be asked for.
type Server struct {
	base    *url.URL
	client  *client.Client
	allowed []string // a path that ends with / allows all below it
	skew    time.Duration
	dated   bool
}

// Parse reads the address of a server. The error does not repeat it, since it may hold a
// password.
func Parse(address string) (*url.URL, error) {
	u, err := client.ParseTarget(address, "")
	if err != nil {
		return nil, errors.New("not an address of a web server (not shown, it may hold a password); want http://host:port")
	}
	u.RawQuery = ""
	return u, nil
}

// Name writes the address of a server without its password.
func Name(u *url.URL) string { return client.RedactURL(u) }

// New returns the server at base.
func New(c *client.Client, base *url.URL, allowed ...string) *Server {
	return &Server{base: base, client: c, allowed: allowed}
}

// StatusError is an answer whose status is an error.
type StatusError struct {
	Code int
	Body []byte // its beginning
}

func (e *StatusError) Error() string {
	text := report.Cell(strings.Join(strings.Fields(string(e.Body)), " "), 160)
	if text == "" || strings.HasPrefix(text, "<") {
		return fmt.Sprintf("status %d", e.Code)
	}
	return fmt.Sprintf("status %d (%s)", e.Code, text)
}

// Status returns the status of an answer that is an error, 0 if err is another one.
func Status(err error) int {
	if e, ok := errors.AsType[*StatusError](err); ok {
		return e.Code
	}
	return 0
}

// MissingRight returns an error about path as one of a missing right if the server refused
// the credentials, and as it is otherwise.
func MissingRight(err error, path string) error {
	if status := Status(err); status == http.StatusUnauthorized || status == http.StatusForbidden {
		return &checks.MissingRightError{Right: fmt.Sprintf("the server refused %s with status %d; a user and a password go into the address", path, status)}
	}
	return err
}

// Get asks for a path and reads the JSON of the answer into a value, nil to ignore it.
func (s *Server) Get(ctx context.Context, path string, query url.Values, into any) error {
	body, err := s.Text(ctx, path, query)
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: the answer is not the JSON that this server would send", path)
	}
	return nil
}

// Text asks for a path and returns the answer.
func (s *Server) Text(ctx context.Context, path string, query url.Values) ([]byte, error) {
	if !s.allows(path) {
		return nil, fmt.Errorf("%s is not in the list of what may be asked", path)
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.client.Timeout(), checks.ConnectTime))
	defer cancel()
	target := s.base.JoinPath(path)
	target.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, errors.New("not an address")
	}
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	start := time.Now()
	resp, err := s.client.HTTP().Do(req)
	if err != nil {
		return nil, client.Cause(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end, or is abandoned
	s.compareClocks(resp.Header.Get("Date"), start, time.Now())
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode/100 != 2 {
		return nil, &StatusError{resp.StatusCode, body[:min(len(body), 4096)]}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return body, nil
}

func (s *Server) allows(path string) bool {
	return slices.ContainsFunc(s.allowed, func(a string) bool {
		rest, below := strings.CutPrefix(path, a)
		return path == a || strings.HasSuffix(a, "/") && below && !strings.Contains(rest, "..") && !strings.ContainsAny(rest, "?#%")
	})
}

// compareClocks compares the date of an answer, which has no fraction, with the middle of
// the exchange.
func (s *Server) compareClocks(date string, start, end time.Time) {
	if at, err := http.ParseTime(date); err == nil {
		s.skew, s.dated = Skew(at, start, end), true
	}
}

// Skew returns how far a date, given in whole seconds in an answer, is ahead of the time
// of the exchange; 0 if it may lie within it.
func Skew(at, start, end time.Time) time.Duration {
	switch {
	case at.After(end):
		return at.Sub(end)
	case at.Add(time.Second).Before(start):
		return at.Add(time.Second).Sub(start)
	}
	return 0
}

// Clock judges the clock of the server by the last answer.
func (s *Server) Clock(l *checks.List, id string) error {
	if !s.dated {
		return errors.New("the answers have no date")
	}
	l.Clock(id, s.skew)
	return nil
}
