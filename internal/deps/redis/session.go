package redis

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Server is the address of a server.
type Server struct {
	host     string // with the port
	user     string
	password string
	database int
	tls      *tls.Config // nil without TLS
}

// schemes are those of addresses; true is TLS.
var schemes = map[string]bool{"redis": false, "rediss": true, "valkey": false, "valkeys": true}

// IsScheme reports whether addresses of Redis begin with scheme.
func IsScheme(scheme string) bool { _, ok := schemes[scheme]; return ok }

// Parse reads an address such as redis://user@host:6379/0. The error does not repeat it,
// since it may hold a password.
func Parse(address string) (Server, error) {
	u, err := url.Parse(address)
	if err != nil || !IsScheme(u.Scheme) || u.Hostname() == "" {
		return Server{}, errors.New("not an address of Redis (not shown, it may hold a password); want redis://user@host:6379/0")
	}
	s := Server{host: u.Host, user: u.User.Username()}
	if schemes[u.Scheme] {
		s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	s.password, _ = u.User.Password()
	if u.Port() == "" {
		s.host = net.JoinHostPort(u.Hostname(), "6379")
	}
	if path := strings.Trim(u.Path, "/"); path != "" {
		if s.database, err = strconv.Atoi(path); err != nil || s.database < 0 {
			return Server{}, errors.New("the path of an address of Redis is the number of a database, such as /0")
		}
	}
	return s, nil
}

// WithTLS returns s with other settings of TLS, if its address wants it.
func (s Server) WithTLS(settings *tls.Config) Server {
	if s.tls != nil {
		s.tls = cmp.Or(settings, s.tls)
	}
	return s
}

// String writes the address without the password.
func (s Server) String() string {
	u := url.URL{Scheme: "redis", Host: s.host, Path: "/" + strconv.Itoa(s.database)}
	if s.tls != nil {
		u.Scheme = "rediss"
	}
	if s.user != "" {
		u.User = url.User(s.user)
	}
	return u.String()
}

// loopback reports whether the address is one of this machine.
func (s Server) loopback() bool {
	host, _, _ := net.SplitHostPort(s.host)
	return client.IsLoopback(host)
}

// session is one connection that sends only the commands of commands.go.
type session struct {
	conn   redigo.Conn
	user   string
	limits string // pattern of the keys of rate limits
}

func connect(ctx context.Context, s Server) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, checks.ConnectTime)
	defer cancel()
	options := []redigo.DialOption{
		redigo.DialContextFunc(s.dial), redigo.DialReadTimeout(checks.ConnectTime), redigo.DialWriteTimeout(checks.ConnectTime),
		redigo.DialDatabase(s.database), redigo.DialUsername(s.user), redigo.DialPassword(s.password),
	}
	conn, err := redigo.DialContext(ctx, "tcp", s.host, options...)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, user: cmp.Or(s.user, "default")}, nil
}

func (s *session) close() { _ = s.conn.Close() } // there is nothing to save

// ask sends a command and returns its answer.
func (s *session) ask(ctx context.Context, c command, args ...any) (any, error) {
	name, all := line(c, args)
	answer, err := redigo.DoContext(s.conn, ctx, name, all...)
	return answer, s.wrapped(c, err)
}

// line returns the name and the arguments of a command.
func line(c command, args []any) (name string, all []any) {
	for _, word := range words[c][1:] {
		all = append(all, word)
	}
	return words[c][0], append(all, args...)
}

// wrapped returns the error of a command; one of a right names it.
func (s *session) wrapped(c command, err error) error {
	switch {
	case err == nil:
		return nil
	case strings.HasPrefix(err.Error(), "NOPERM"):
		return &checks.MissingRightError{Right: "ACL SETUSER " + report.Cell(s.user, 40) + " " + c.right(s.limits)}
	}
	return fmt.Errorf("asking %s: %w", words[c][0], err)
}

// askEach sends a command for each key at once and returns the answers.
func (s *session) askEach(c command, keys []string) ([]int64, error) {
	for _, key := range keys {
		name, all := line(c, []any{key})
		if err := s.conn.Send(name, all...); err != nil {
			return nil, s.wrapped(c, err)
		}
	}
	if err := s.conn.Flush(); err != nil {
		return nil, s.wrapped(c, err)
	}
	var first error
	answers := make([]int64, len(keys))
	for i := range keys { // all are received, so that the next command gets its own answer
		n, err := redigo.Int64(s.conn.Receive())
		if err != nil && first == nil {
			first = s.wrapped(c, err)
		}
		answers[i] = n
	}
	return answers, first
}

// facts are the lines of INFO and similar answers.
type facts map[string]string

func (s *session) info(ctx context.Context) (facts, error) {
	text, err := redigo.String(s.ask(ctx, info))
	if err != nil {
		return nil, err
	}
	f := facts{}
	for row := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(row), ":"); ok {
			f[name] = value
		}
	}
	return f, nil
}

// number returns a fact as a number, 0 if there is none.
func (f facts) number(name string) float64 {
	v, _ := strconv.ParseFloat(f[name], 64) // 0 where the server is older
	return v
}
