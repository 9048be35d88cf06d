package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/deps"
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
	invoke(t, "deps", "--redis", "127.0.0.1:1").wants(t, exitFinding, "redis://127.0.0.1:1")
	invoke(t, "deps", "--only", "[").wants(t, exitUsage, "not a pattern")
	invoke(t, "deps", "--only", "pg.slot", "--postgres", unreachable).wants(t, exitUsage, `there is no such check (did you mean "pg.slots"?)`)
	file := filepath.Join(t.TempDir(), "mcp.json")
	text := fmt.Sprintf(`{"mcpServers": {"db": {"command": "x", "env": {"DB": %q}}}}`, unreachable)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	invoke(t, "deps", "--from-config", file).wants(t, exitFinding, "DB of the server db")
	invoke(t, "deps", "--from-config", "go.mod").wants(t, exitFailure, "reading go.mod")
	if runtime.GOOS == "linux" {
		invoke(t, "deps", "--from-pid", "99999999").wants(t, exitFailure, "reading the environment of process 99999999")
	}
}

// surroundings are the variables of a server that uses one dependency of each kind. Redis
// runs; no other does.
func surroundings(redis string) map[string]string {
	return map[string]string{
		"CACHE": redis, "QUEUE_URL": "amqp://u:topsecret@127.0.0.1:1", "DB": unreachable, "PROMETHEUS_URL": "http://127.0.0.1:2", "ALERTMANAGER_URL": "http://127.0.0.1:3", "API_URL": "http://127.0.0.1:4",
		"S3_BUCKET": "files", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:5", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "topsecret",
	}
}

// wantSurroundings wants all dependencies of the surroundings, each with its origin.
func wantSurroundings(t *testing.T, redis, of string, args ...string) {
	t.Helper()
	o := invoke(t, append([]string{"deps", "--format", "json"}, args...)...)
	if o.code != exitFinding || strings.Contains(o.out+o.err, "topsecret") {
		t.Fatalf("exit code %d\n%s%s", o.code, o.out, o.err)
	}
	var got struct {
		Servers []deps.Server `json:"servers"`
		Results []struct{ ID, Severity, Summary string }
	}
	if err := json.Unmarshal([]byte(o.out), &got); err != nil {
		t.Fatal(err)
	}
	want := []deps.Server{
		{Kind: deps.Alertmanager, Address: "http://127.0.0.1:3", Origin: "ALERTMANAGER_URL of " + of}, {Kind: deps.Redis, Address: redis + "/0", Origin: "CACHE of " + of},
		{Kind: deps.Postgres, Address: "postgres://u@127.0.0.1:1/app", Origin: "DB of " + of}, {Kind: deps.Prometheus, Address: "http://127.0.0.1:2", Origin: "PROMETHEUS_URL of " + of},
		{Kind: deps.RabbitMQ, Address: "amqp://u@127.0.0.1:1", Origin: "QUEUE_URL of " + of}, {Kind: deps.S3, Address: "http://127.0.0.1:5/files", Origin: "S3_BUCKET of " + of},
		{Kind: deps.Postgres, Address: "postgres://arg@127.0.0.1:1/", Origin: "an argument of " + of},
	}
	if diff := cmp.Diff(want, got.Servers); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !slices.ContainsFunc(got.Results, func(f struct{ ID, Severity, Summary string }) bool {
		return f.ID == "redis.connect" && f.Severity == "pass"
	}) {
		t.Errorf("Redis was not reached: %+v", got.Results)
	}
}

// The dependencies of a server that runs are found in its environment and its arguments,
// and of one that names none by its connections.
func TestDepsFromPID(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it needs /proc")
	}
	redis := depstest.Redis(t).Address
	start := func(environ []string, shell string, args ...string) string {
		cmd := exec.Command(shell, args...)
		cmd.Env = slices.Concat(environ, []string{"PATH=" + os.Getenv("PATH")})
		stdin, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Skip("there is no shell here: ", err)
		}
		t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
		return strconv.Itoa(cmd.Process.Pid)
	}
	var environ []string
	for name, value := range surroundings(redis) {
		environ = append(environ, name+"="+value)
	}
	pid := start(environ, "sh", "-c", "read line", "server", "postgresql://arg@127.0.0.1:1/")
	wantSurroundings(t, redis, "pid "+pid, "--from-pid", pid)

	l, err := net.Listen("tcp", "127.0.9.16:6379") // an address of its own, with the usual port
	if err != nil {
		t.Skip("the usual port of Redis is taken: ", err)
	}
	defer l.Close()
	pid = start(nil, "bash", "-c", "exec 3<>/dev/tcp/127.0.9.16/6379; echo >&3; read line")
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err != nil { // now the connection has its number
		t.Fatal(err)
	}
	invoke(t, "deps", "--from-pid", pid).wants(t, exitFailure, "name them: --redis redis://127.0.9.16:6379")
	pid = start(nil, "sh", "-c", "read line")
	invoke(t, "deps", "--from-pid", pid).wants(t, exitFailure, "name no dependency; name one with a flag")
}

// The dependencies in an mcp.json are found with its placeholders filled in as its host does.
func TestDepsFromConfig(t *testing.T) {
	redis := depstest.Redis(t).Address
	file := filepath.Join(t.TempDir(), "mcp.json")
	write := func(env map[string]string, arg string) {
		doc := map[string]any{"mcpServers": map[string]any{"shop": map[string]any{"command": "npx", "args": []string{"-y", "server", arg}, "env": env}}}
		data, err := json.Marshal(doc)
		if err == nil {
			err = os.WriteFile(file, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(surroundings(redis), "postgresql://arg@127.0.0.1:1/")
	wantSurroundings(t, redis, "the server shop", "--from-config", file)

	env := surroundings(redis)
	t.Setenv("SHOP_CACHE", redis)
	t.Setenv("SHOP_PASSWORD", "topsecret")
	env["CACHE"], env["DB"], env["QUEUE_URL"] = "${SHOP_CACHE}", "postgres://u:${env:SHOP_PASSWORD}@127.0.0.1:1/app", "${SHOP_QUEUE:-amqp://u:topsecret@127.0.0.1:1}"
	write(env, "postgresql://${SHOP_USER:-arg}@127.0.0.1:1/")
	wantSurroundings(t, redis, "the server shop", "--from-config", file)

	write(map[string]string{"DB": "postgres://u:${input:password}@h/b"}, "x")
	invoke(t, "deps", "--from-config", file).wants(t, exitFailure, "DB of the server shop: the address holds ${input:password}")
	write(map[string]string{"DB": "${input:database}"}, "x")
	invoke(t, "deps", "--from-config", file).wants(t, exitFailure, "server shop: its host asks for ${input:database}")
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
	invoke(t, "loadtest", serveFor(t, demo.Config{}), "--tool", "echo", "--users", "1", "--calls", "1", "--redis", "REDIS_URL").wants(t, exitOK, "Redis connections")
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

// A store of sessions that outlives those of the server is found, also that the difference
// grows: each session of a real server has a key that is not removed when it ends.
func TestDepsSessions(t *testing.T) {
	store, server := depstest.Redis(t), startDemo(t)
	t.Setenv("DATABASE_URL", "")
	t.Setenv("REDIS_URL", store.Address)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(store.Address, "redis://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	keep := func(id string) {
		fmt.Fprintf(conn, "*3\r\n$3\r\nSET\r\n$%d\r\nsession:%s\r\n$1\r\nx\r\n", len("session:"+id), id)
		if answer, err := answers.ReadString('\n'); err != nil || answer != "+OK\r\n" {
			t.Error(answer, err)
		}
	}
	var open []*mcp.ClientSession
	for range 15 {
		client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
		session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: server + "/mcp"}, &mcp.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
		if err != nil {
			t.Fatal(err)
		}
		keep(session.ID())
		open = append(open, session)
	}
	compare := func(args ...string) ended {
		return invoke(t, append([]string{"deps", "--only", "redis.sessions", "--sessions-of", server, "--fail-on", "warn"}, args...)...)
	}
	compare().wants(t, exitOK, "15 sessions in the store (*session:*), 15 counted by "+server+"/debug/snapshot")
	for _, session := range open[:12] {
		_ = session.Close()
	}
	compare().wants(t, exitFinding, "15 sessions in the store (*session:*), 3 counted by "+server+"/debug/snapshot")
	compare("--interval", "10ms").wants(t, exitFinding, "the difference went from +12 to +12 in ")
	done, ended := make(chan bool), make(chan bool)
	go func() { // more sessions that ended
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				keep(strconv.Itoa(i))
			}
		}
	}()
	compare("--interval", "100ms").wants(t, exitFinding, ", and it grows")
	close(done)
	<-ended
	for _, session := range open[12:] {
		_ = session.Close()
	}
	invoke(t, "deps", "--sessions-of", unreachableSnapshot, "--only", "redis.sessions").wants(t, exitOK, "reading the sessions of the server: polling ")
	invoke(t, "deps", "--sessions-of", "http://h:port").wants(t, exitUsage, "--sessions-of")
}

const unreachableSnapshot = "http://127.0.0.1:1"
