package redis

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// checkOf checks a server that answers the first command of each connection with answer.
func checkOf(t *testing.T, answer string) []finding.Finding {
	t.Helper()
	address := clienttest.Speak(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 100))
		_, _ = io.WriteString(conn, answer)
	})
	server, err := Parse("redis://" + strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return Check(t.Context(), Config{Server: server, Only: func(string) bool { return true }})
}

// A server whose answers announce too much, or never end, is refused without the memory.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"a long string":        "$99999999999999\r\n",
		"an overflow":          "$99999999999999999999999999\r\n",
		"a long array":         "*999999999\r\n",
		"arrays within arrays": strings.Repeat("*1\r\n", maxElements+1),
		"many arrays":          "*1000\r\n" + strings.Repeat("*1000\r\n", 300),
		"an endless line":      strings.Repeat("x", maxAnswer+1),
	} {
		list := checkOf(t, answer)
		if len(list) != 1 || list[0].Severity != finding.Fail || !strings.Contains(list[0].Summary, "larger than any answer of Redis") {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

// fakeConn answers with bytes.
type fakeConn struct {
	net.Conn
	answer *bytes.Reader
}

func (f fakeConn) Read(p []byte) (int, error) { return f.answer.Read(p) }
func (f fakeConn) Close() error               { return nil }

func (f fakeConn) SetReadDeadline(time.Time) error { return nil }

// FuzzBounded wants no bytes of a server to break the client, and valid answers to pass.
func FuzzBounded(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nabc\r\n:1\r\n"), "text")
	f.Add([]byte("$-1\r\n*-1\r\n$5\r\n"), "*9\r\n")
	f.Fuzz(func(t *testing.T, answer []byte, text string) {
		conn := redigo.NewConn(&boundedConn{Conn: fakeConn{answer: bytes.NewReader(answer)}}, 0, 0)
		for range 100 {
			if _, err := conn.Receive(); err != nil && conn.Err() != nil {
				break
			}
		}
		valid := "*2\r\n$" + strconv.Itoa(len(text)) + "\r\n" + text + "\r\n:1\r\n"
		conn = redigo.NewConn(&boundedConn{Conn: fakeConn{answer: bytes.NewReader([]byte(valid))}}, 0, 0)
		got, err := redigo.Values(conn.Receive())
		if err != nil || string(got[0].([]byte)) != text || got[1] != int64(1) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	})
}
