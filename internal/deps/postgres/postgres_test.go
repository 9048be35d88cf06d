package postgres

import (
	"net"
	"strings"
	"testing"
	"time"
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
	if len(texts) != int(rollBack)+1 {
		t.Errorf("%d texts of %d statements", len(texts), rollBack+1)
	}
}

func TestMasked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SELECT 1":                      "SELECT 1",
		"SELECT 'a' || 'it''s' FROM t":  "SELECT '?' || '?' FROM t",
		"INSERT INTO t VALUES ('cut of": "INSERT INTO t VALUES ('?'",
		"DO $x$ secret $x$":             "DO '?'",
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
