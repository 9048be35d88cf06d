package postgres

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// A server that accepts and never answers is given up after the time to connect.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server, err := Parse("postgres://a@" + l.Addr().String() + "/b?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	list := Check(t.Context(), Config{Server: server, Only: func(string) bool { return true }})
	if len(list) != 1 || !strings.Contains(list[0].Summary, "no connection within 3s") {
		t.Errorf("%+v", list)
	}
}

// A server whose messages announce too much is refused without the memory.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			_, _ = conn.Read(make([]byte, 100))
			_, _ = conn.Write([]byte("R\x7f\xff\xff\xff"))
		}
	}()
	server, err := Parse("postgres://a@" + l.Addr().String() + "/b?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	list := Check(t.Context(), Config{Server: server, Only: func(string) bool { return true }})
	if len(list) != 1 || !strings.Contains(list[0].Summary, "body") {
		t.Errorf("%+v", list)
	}
}

// A server whose answers have other rows than PostgreSQL's is an error of the check, or of
// the connection.
func TestOddRows(t *testing.T) {
	t.Parallel()
	fields := func(n int) (head pgproto3.RowDescription, values pgproto3.DataRow) {
		for range n {
			head.Fields = append(head.Fields, pgproto3.FieldDescription{Name: []byte("x"), Format: pgproto3.TextFormat})
			values.Values = append(values.Values, []byte("170000"))
		}
		return head, values
	}
	for name, tc := range map[string]struct {
		about, columns, rows int // of the answer about the server, and of the others
		want                 string
	}{
		"nothing about itself": {0, 0, 0, "the answer has no row"},
		"too little of itself": {1, 0, 0, "a row has 1 columns, want 5"},
		"no rows":              {5, 0, 0, "the answer has no row"},
		"rows of nothing":      {5, 0, 1, "a row has 0 columns"},
		"one column":           {5, 1, 1, "a row has 1 columns"},
		"too many columns":     {5, 30, 1, "a row has 30 columns"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := clienttest.Speak(t, func(conn net.Conn) {
				b := pgproto3.NewBackend(conn, conn)
				if _, err := b.ReceiveStartupMessage(); err != nil {
					return
				}
				b.Send(&pgproto3.AuthenticationOk{})
				b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
				for b.Flush() == nil {
					message, err := b.Receive()
					query, ok := message.(*pgproto3.Query)
					if err != nil || !ok {
						return
					}
					columns, rows := tc.columns, tc.rows
					if strings.Contains(query.String, "server_version_num") {
						columns, rows = tc.about, min(tc.about, 1)
					}
					head, values := fields(columns)
					b.Send(&head)
					for range rows {
						b.Send(&values)
					}
					b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT")})
					b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
				}
			})
			server, err := Parse(strings.Replace(address, "http://", "postgres://a@", 1) + "/b?sslmode=disable")
			if err != nil {
				t.Fatal(err)
			}
			list := Check(t.Context(), Config{Server: server, Interval: time.Millisecond, Only: func(string) bool { return true }})
			if !slices.ContainsFunc(list, func(f finding.Finding) bool { return strings.Contains(f.Summary, tc.want) }) {
				t.Errorf("no finding has %q: %+v", tc.want, list)
			}
		})
	}
}

// Each listed statement only reads: it is a SELECT in a transaction that is read-only and
// ends, and calls no function that changes something.
func TestStatementsOnlyRead(t *testing.T) {
	t.Parallel()
	for st, text := range texts {
		if st == rollBack {
			continue
		}
		sent := st.text()
		if !strings.HasPrefix(sent, "BEGIN READ ONLY; ") || !strings.HasSuffix(sent, "; ROLLBACK") || !strings.HasPrefix(text, "SELECT ") || strings.Contains(text, ";") {
			t.Errorf("%s", sent)
		}
		for _, word := range []string{"terminate", "cancel", "reset(", "set_config", "reload", "rotate", "advisory", "nextval", "lo_", "pg_read_file", "dblink", "for update"} {
			if strings.Contains(strings.ToLower(text), word) {
				t.Errorf("%q in %s", word, text)
			}
		}
	}
	if len(texts) != int(rollBack)+1 || len(columns) != int(rollBack) {
		t.Errorf("%d texts of %d statements", len(texts), rollBack+1)
	}
}

func TestMasked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SELECT 1":                        "SELECT 1",
		"SELECT 'a' || 'it''s' FROM t":    "SELECT '?' || '?' FROM t",
		"INSERT INTO t VALUES ('cut of":   "INSERT INTO t VALUES ('?'",
		"DO $x$ secret $x$":               "DO '?'",
		`SELECT E'it\'s mine', 'a\', 'b'`: "SELECT '?', '?', '?'",
		`SELECT E'it\'s cut of\`:          "SELECT '?'",
		"a LIKE'b' AND c":                 "a LIKE'?' AND c",
	} {
		if got := masked(text); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

// A circle of waiters and a prepared transaction have a tree too.
func TestTrees(t *testing.T) {
	t.Parallel()
	circle := trees([]backend{{pid: 2, blockedBy: []int{3}, waits: time.Second}, {pid: 3, blockedBy: []int{2}}})
	if len(circle) != 1 || circle[0].root != 2 || circle[0].size != 1 {
		t.Errorf("%+v", circle)
	}
	prepared := trees([]backend{{pid: 7, blockedBy: []int{0}, waits: time.Minute}})
	if len(prepared) != 1 || prepared[0].root != 0 || prepared[0].waits != time.Minute || !strings.Contains(prepared[0].lines[0], "prepared transaction") {
		t.Errorf("%+v", prepared)
	}
}

// FuzzMasked wants no text between quotes to pass.
func FuzzMasked(f *testing.F) {
	f.Add("SELECT 'a' FROM t WHERE b = 'c''d")
	f.Fuzz(func(t *testing.T, query string) {
		if got := strings.ReplaceAll(masked(query), "'?'", ""); strings.Contains(got, "'") {
			t.Errorf("%q leaves %q", query, got)
		}
	})
}
