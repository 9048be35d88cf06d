package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/deps/depstest"
)

// unreachable is the address of a server that refuses connections.
const unreachable = "postgres://u:topsecret@127.0.0.1:1/app"

// A server that cannot be reached is exit code 3 in every format, and its password is
// in none.
func TestDepsFormats(t *testing.T) {
	t.Setenv("DATABASE_URL", unreachable)
	for format, want := range map[string]string{
		"text": "SICK  pg.connect: no connection", "json": `"address": "postgres://u@127.0.0.1:1/app"`, "markdown": "### mcpdiag deps: sick",
		"junit": `name="pg.connect"`, "github": "::error title=mcpdiag deps",
	} {
		o := invoke(t, "deps", "--format", format)
		if o.wants(t, exitFinding, want); strings.Contains(o.out+o.err, "topsecret") {
			t.Errorf("%s: the password is shown", format)
		}
	}
}

// Addresses come from flags, an mcp.json, and the environment of a process.
func TestDepsSources(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	t.Setenv("REDIS_URL", "")
	invoke(t, "deps").wants(t, exitUsage, "set DATABASE_URL or REDIS_URL, or take")
	invoke(t, "deps", "--postgres", unreachable).wants(t, exitFinding, "a password on the command line")
	invoke(t, "deps", "--postgres", "postgres://h:port/").wants(t, exitFailure, "not an address of PostgreSQL")
	invoke(t, "deps", "--only", "[").wants(t, exitUsage, "not a pattern")
	file := filepath.Join(t.TempDir(), "mcp.json")
	text := fmt.Sprintf(`{"mcpServers": {"db": {"command": "x", "env": {"DB": %q}}}}`, unreachable)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	invoke(t, "deps", "--from-config", file).wants(t, exitFinding, "DB of the server db")
	invoke(t, "deps", "--from-config", "go.mod").wants(t, exitFailure, "reading go.mod")
	if runtime.GOOS != "linux" {
		return
	}
	cmd := exec.Command("sleep", "60")
	cmd.Env = []string{"PG_URL=" + unreachable}
	if err := cmd.Start(); err != nil {
		t.Skip("there is no sleep here")
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	pid := strconv.Itoa(cmd.Process.Pid)
	invoke(t, "deps", "--from-pid", pid).wants(t, exitFinding, "PG_URL of pid "+pid)
	invoke(t, "deps", "--from-pid", "99999999").wants(t, exitFailure, "reading the environment of process 99999999")
}

// A healthy server is exit code 0, also with --fail-on warn and two readings.
func TestDepsPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts PostgreSQL")
	}
	server := depstest.Postgres(t)
	t.Setenv("DATABASE_URL", server.Address)
	o := invoke(t, "deps", "--interval", "10ms", "--fail-on", "warn")
	o.wants(t, exitOK, "HEALTHY  15 checks of 1 server without a finding, 1 skipped")
	o.wants(t, exitOK, "missing: shared_preload_libraries = 'pg_stat_statements', then CREATE EXTENSION")
	invoke(t, "deps", "--only", "pg.rates", "--interval", "10ms").wants(t, exitOK, "0 deadlocks")
}

// Redis is found by REDIS_URL; a rate limit that never resets is exit code 3, and a key
// comes out of every format without its power.
func TestDepsRedis(t *testing.T) {
	server := depstest.Redis(t)
	t.Setenv("DATABASE_URL", "")
	t.Setenv("REDIS_URL", server.Address)
	invoke(t, "deps", "--fail-on", "warn").wants(t, exitOK, "HEALTHY")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(server.Address, "redis://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	key := "limit:\x1b[2J\n::error::x\u202e"
	fmt.Fprintf(conn, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$1\r\n7\r\n", len(key), key)
	if _, err := conn.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"text", "json", "markdown", "junit", "github"} {
		o := invoke(t, "deps", "--rate-limit-pattern", "limit:*", "--format", format)
		o.wants(t, exitFinding, "never resets")
		if format != "github" {
			plain(t, o.out)
		}
	}
	invoke(t, "deps", "--only", "redis.ping").wants(t, exitOK, "HEALTHY  2 checks of 1 server")
}

// A store of sessions that outlives those of the server is found.
func TestDepsSessions(t *testing.T) {
	store := depstest.Redis(t)
	t.Setenv("DATABASE_URL", "")
	t.Setenv("REDIS_URL", store.Address)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(store.Address, "redis://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for i := range 20 {
		fmt.Fprintf(conn, "*3\r\n$3\r\nSET\r\n$10\r\nsession:%02d\r\n$1\r\nx\r\n", i)
		if answer, err := answers.ReadString('\n'); err != nil || answer != "+OK\r\n" {
			t.Fatal(answer, err)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"timestamp": %d, "activeSessions": 3, "toolCallStack": [], "handlerQueue": {}, "heapUsedMB": 9}`, time.Now().UnixMilli())
	}))
	defer server.Close()
	o := invoke(t, "deps", "--sessions-of", server.URL, "--fail-on", "warn")
	o.wants(t, exitFinding, "20 sessions in the store (*session:*), 3 counted by "+server.URL+"/debug/snapshot")
	invoke(t, "deps", "--sessions-of", unreachableSnapshot, "--only", "redis.sessions").wants(t, exitOK, "reading the sessions of the server: polling ")
	invoke(t, "deps", "--sessions-of", "http://h:port").wants(t, exitUsage, "--sessions-of")
}

const unreachableSnapshot = "http://127.0.0.1:1"
