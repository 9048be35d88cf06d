package depstest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// pgbouncerProgram is where Debian keeps PgBouncer, outside of the PATH of users.
const pgbouncerProgram = "/usr/sbin/pgbouncer"

// PgBouncer starts PgBouncer before a PostgreSQL of this package: the database app, with a
// pool of two connections, in the mode of transactions. The address is that of its admin
// console for the user watcher, who may only read it; the log has what the console was
// asked. It skips the test where PgBouncer is missing.
func PgBouncer(t testing.TB, server Server) Server {
	t.Helper()
	if _, err := os.Stat(pgbouncerProgram); err != nil {
		t.Skip("PgBouncer is missing: it comes with Debian's pgbouncer")
	}
	dir, port := sharedDir(t), processtest.FreePort(t)
	_, at, _ := strings.Cut(strings.TrimSuffix(server.Address, "/postgres"), "@")
	host, serverPort, _ := net.SplitHostPort(at)
	log, users, config := filepath.Join(dir, "log"), filepath.Join(dir, "users"), filepath.Join(dir, "pgbouncer.ini")
	write(t, users, `"watcher" "x"`+"\n"+`"app" "x"`+"\n")
	write(t, config, fmt.Sprintf("[databases]\napp = host=%s port=%s dbname=postgres pool_size=2\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"+
		"auth_type = trust\nauth_file = %s\nstats_users = watcher\npool_mode = transaction\nmax_client_conn = 20\nlogfile = %s\nverbose = 2\n", host, serverPort, port, users, log))
	args := []string{"-q", config}
	if os.Getuid() == 0 { // it refuses to run as root
		args = append([]string{"-u", "postgres"}, args...)
		readable(t, users, config)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), pgbouncerProgram, args...)
	cmd.Dir = "/"
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	listens(t, fmt.Sprintf("127.0.0.1:%d", port), log)
	return Server{fmt.Sprintf("postgres://watcher@127.0.0.1:%d/pgbouncer", port), log}
}

// readable lets the user postgres read files.
func readable(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Chmod(name, 0o644); err != nil { //nolint:gosec // they hold no secret
			t.Fatal(err)
		}
	}
}

// listens waits until connections are taken.
func listens(t testing.TB, address, log string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
			_ = conn.Close()
			return
		}
	}
	text, _ := os.ReadFile(log)
	t.Fatalf("%s does not listen:\n%s", address, text)
}
