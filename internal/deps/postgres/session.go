package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// checkTime is the deadline of one check.
const checkTime = 10 * time.Second

// maxMessage is the largest message that a server may send: a row has ten short columns.
const maxMessage = 1 << 20

// maxRows is the limit of rows that are read of one statement.
const maxRows = 5000

// Parse checks the address of a server: a URL, or the key=value form. The error does
// not repeat it, since it may hold a password.
func Parse(address string) (*pgconn.Config, error) {
	cfg, err := pgconn.ParseConfig(address)
	if err != nil {
		return nil, errors.New("not an address of PostgreSQL (not shown, it may hold a password); want postgres://user@host:5432/database")
	}
	cfg.RuntimeParams = map[string]string{"application_name": "mcpdiag"}
	cfg.ConnectTimeout = checks.ConnectTime
	cfg.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(r, w)
		f.SetMaxBodyLen(maxMessage)
		return f
	}
	return cfg, nil
}

// Name writes the address of a server without its password.
func Name(cfg *pgconn.Config) string {
	u := url.URL{Scheme: "postgres", User: url.User(cfg.User), Host: net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port))), Path: "/" + cfg.Database}
	return u.String()
}

// session is one connection that sends only the statements of statements.go.
type session struct {
	conn  *pgconn.PgConn
	grant string // the statement that gives the role the right to see all sessions
}

func connect(ctx context.Context, cfg *pgconn.Config) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, checks.ConnectTime)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn}, nil
}

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // there is nothing to save
}

// row is one row of an answer; NULL is "".
type row []string

// number returns a column as a number, 0 if it is NULL.
func (r row) number(i int) float64 {
	v, _ := strconv.ParseFloat(r[i], 64) // the statement says that it is one
	return v
}

// seconds returns a column of seconds as a duration, 0 if it is NULL.
func (r row) seconds(i int) time.Duration {
	return time.Duration(min(max(r.number(i), 0), 1e9) * float64(time.Second))
}

// ask sends a statement and returns the rows of its answer.
func (s *session) ask(ctx context.Context, st statement) ([]row, error) {
	_, rows, err := s.read(ctx, st.text())
	if s.conn.TxStatus() == 'E' || s.conn.TxStatus() == 'T' {
		err = errors.Join(err, s.conn.Exec(ctx, rollBack.text()).Close())
	}
	if err == nil {
		err = st.check(rows)
	}
	if sqlState(err) == "42501" {
		return nil, &checks.MissingRightError{Right: fmt.Sprintf("%s (%s)", s.grant, report.Cell(err.Error(), 200))}
	}
	if err != nil {
		return nil, fmt.Errorf("asking PostgreSQL: %w", err)
	}
	return rows, nil
}

// read sends a text of one of the lists. It returns the rows of all answers, and the names
// of the columns of the last.
func (s *session) read(ctx context.Context, text string) (names []string, rows []row, err error) {
	answers := s.conn.Exec(ctx, text)
	for answers.NextResult() {
		r := answers.ResultReader()
		if fields := r.FieldDescriptions(); len(fields) > 0 {
			names = names[:0]
			for _, f := range fields {
				names = append(names, f.Name)
			}
		}
		for r.NextRow() {
			if len(rows) >= maxRows {
				continue
			}
			values := make(row, 0, len(r.Values()))
			for _, v := range r.Values() {
				values = append(values, string(v))
			}
			rows = append(rows, values)
		}
	}
	return names, rows, answers.Close()
}

// check refuses rows that PostgreSQL does not send.
func (s statement) check(rows []row) error {
	for _, r := range rows {
		if len(r) != columns[s] {
			return fmt.Errorf("a row has %d columns, want %d; is it PostgreSQL that answers?", len(r), columns[s])
		}
	}
	if len(rows) == 0 && s.alwaysAnswered() {
		return errors.New("the answer has no row; is it PostgreSQL that answers?")
	}
	return nil
}

// sqlState returns the code of an error of the server, "" if it is none.
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}
