// Package depstest starts real servers for tests, on free ports in temporary folders.
package depstest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// Server is a server that runs until the end of a test.
type Server struct {
	Address string // as a URL, of a user that may do everything
	Log     string // the file of its log
}

// postgresBin is the folder in which Debian keeps the programs of PostgreSQL.
const postgresBin = "/usr/lib/postgresql/15/bin"

// Postgres starts PostgreSQL with 20 slots, 3 of them reserved, and more settings such as
// max_connections=1000. It logs all statements with the application that sent them. It
// skips the test where PostgreSQL is missing.
func Postgres(t testing.TB, settings ...string) Server {
	t.Helper()
	if _, err := os.Stat(filepath.Join(postgresBin, "initdb")); err != nil {
		t.Skip("PostgreSQL is missing: it comes with Debian's postgresql-15")
	}
	dir := sharedDir(t)
	data, log := filepath.Join(dir, "data"), filepath.Join(dir, "log")
	asPostgres(t, "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync")
	port := processtest.FreePort(t)
	options := fmt.Sprintf("-p %d -k %s -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=20 -c superuser_reserved_connections=3 -c shared_preload_libraries=pg_stat_statements"+
		" -c log_statement=all -c log_line_prefix='%%a|' -c deadlock_timeout=60s", port, dir)
	if len(settings) > 0 {
		options += " -c " + strings.Join(settings, " -c ")
	}
	asPostgres(t, "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
	t.Cleanup(func() { asPostgres(t, "pg_ctl", "-D", data, "-m", "immediate", "stop") })
	return Server{fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres", port), log}
}

// sharedDir returns a folder that the user postgres may write to: the server refuses to
// run as root.
func sharedDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "mcpdiag-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() != 0 {
		return dir
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Skip("there is no user postgres, and PostgreSQL refuses to run as root")
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return dir
}

// asPostgres runs a program of PostgreSQL, as the user postgres where the test is root's.
func asPostgres(t testing.TB, program string, args ...string) {
	t.Helper()
	args = append([]string{filepath.Join(postgresBin, program)}, args...)
	if os.Getuid() == 0 {
		args = append([]string{"runuser", "-u", "postgres", "--"}, args...)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), args[0], args[1:]...)
	cmd.Dir = "/"
	out, err := os.CreateTemp(t.TempDir(), "out") // a pipe would stay open in the server
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, text)
	}
}
