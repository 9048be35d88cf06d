package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/deps/depstest"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// What each call leaves on a database is counted beside a load; in a leak test it decides.
func TestHeldPerCall(t *testing.T) {
	t.Parallel()
	redis := depstest.Redis(t)
	url, pid := startPoolServer(t, "REDIS_URL="+redis.Address, "KEEP=1")
	o := invoke(t, "loadtest", url, "--users", "2", "--calls", "10", "--redis", redis.Address)
	o.wants(t, exitOK, "Redis connections                  0     20      1.00")
	o.wants(t, exitOK, "Redis keys that never expire       0     20      1.00")
	invoke(t, "loadtest", url, "--redis", "NOT_SET").wants(t, exitUsage, "neither an address nor a variable that is set")
	invoke(t, "loadtest", url, "--find-knee", "--redis", "CACHE").wants(t, exitUsage, "--find-knee makes many runs")
	invoke(t, "loadtest", url, "--postgres", unreachable).wants(t, exitFailure, "counting what is held on --postgres: no connection")
	processtest.NeedsThorough(t) // the leak test takes some seconds
	folder := filepath.Join(t.TempDir(), "out")
	o = invoke(t, "leaktest", "--url", url, "--pid", pid, "--tool", "search", "--users", "2", "--calls", "10", "--rounds", "8", "--delay", "0.1", "--hold", "0", "--rss", "--snapshot", "off", "--factors", "call",
		"--redis", redis.Address, "-o", folder)
	o.wants(t, exitFinding, "Redis connections: ")
	o.wants(t, exitFinding, "(1.00 per call of search)")
	o.wants(t, exitFinding, "Connections to Redis are opened and not closed.")
}

// poolServer is an MCP server whose tool asks the PostgreSQL server at DATABASE_URL or sets
// a key of the Redis server at REDIS_URL, over a connection of its own. It gives the
// connection back unless KEEP is set. It writes its URL to the standard output.
func poolServer() {
	ask := askPostgres
	if os.Getenv("REDIS_URL") != "" {
		ask = askRedis
	}
	var kept sync.Map
	s := mcp.NewServer(&mcp.Implementation{Name: "pool", Version: "1"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "search"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		conn, err := ask(ctx)
		if err != nil {
			return nil, nil, err
		}
		if os.Getenv("KEEP") == "" {
			_ = conn.Close()
		} else {
			kept.Store(conn, true) // else the collector closes it
		}
		return &mcp.CallToolResult{}, nil, nil
	})
	server := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, &mcp.StreamableHTTPOptions{JSONResponse: true}))
	fmt.Println(server.URL + "/mcp")
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the test ends
}

// askPostgres returns a connection over which it has asked a query.
func askPostgres(ctx context.Context) (io.Closer, error) {
	conn, err := pgconn.Connect(context.WithoutCancel(ctx), os.Getenv("DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	return pgCloser{conn}, conn.Exec(ctx, "SELECT 1").Close()
}

type pgCloser struct{ conn *pgconn.PgConn }

func (c pgCloser) Close() error { return c.conn.Close(context.Background()) }

// keysSet counts the keys that askRedis has set.
var keysSet atomic.Int64

// askRedis returns a connection over which it has set a key of its own.
func askRedis(ctx context.Context) (io.Closer, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(os.Getenv("REDIS_URL"), "redis://"))
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("session:%06d", keysSet.Add(1))
	_, _ = fmt.Fprintf(conn, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$1\r\nx\r\n", len(key), key)
	_, err = conn.Read(make([]byte, 10))
	return conn, err
}

// startPoolServer starts poolServer and returns its URL and its PID.
func startPoolServer(t *testing.T, environ ...string) (url, pid string) {
	t.Helper()
	cmd := exec.Command("poolserver")
	cmd.Env = append(os.Environ(), environ...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), strconv.Itoa(cmd.Process.Pid)
}

// A pool that leaks a connection to PostgreSQL per call is counted beside a load and
// named by the verdict of a leak test; the twin that gives them back is neither.
func TestLeakyPostgresPool(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	database := depstest.Postgres(t, "max_connections=1000")
	environ := "DATABASE_URL=" + database.Address
	leaktest := func(url, pid string) ended {
		return invoke(t, "leaktest", "--url", url, "--pid", pid, "--tool", "search", "--users", "2", "--calls", "10", "--rounds", "8", "--delay", "0.1", "--hold", "0", "--rss", "--snapshot", "off", "--factors", "call",
			"--postgres", database.Address, "-o", filepath.Join(t.TempDir(), "out"))
	}
	url, pid := startPoolServer(t, environ)
	o := invoke(t, "loadtest", url, "--users", "2", "--calls", "10", "--postgres", database.Address)
	o.wants(t, exitOK, "PostgreSQL connections")
	if !regexp.MustCompile(`PostgreSQL connections +\d+ +\d +`).MatchString(o.out) { // fewer than 10: the last may still be closing
		t.Errorf("the healthy pool keeps connections:\n%s", o.out)
	}
	if o = leaktest(url, pid); o.code == exitFinding || strings.Contains(o.out, "not given back") {
		t.Errorf("the healthy pool, exit code %d:\n%s", o.code, o.out)
	}
	url, pid = startPoolServer(t, environ, "KEEP=1")
	o = invoke(t, "loadtest", url, "--users", "2", "--calls", "10", "--postgres", database.Address)
	if !regexp.MustCompile(`PostgreSQL connections +0 +20 +1\.00`).MatchString(o.out) {
		t.Errorf("20 calls keep 20 connections:\n%s", o.out)
	}
	o = leaktest(url, pid)
	for _, part := range []string{"PostgreSQL connections: ", "they accumulate, and none is released", "(1.00 per call of search)", "Connections to the database are opened and not given back."} {
		o.wants(t, exitFinding, part)
	}
	invoke(t, "deps", "--postgres", database.Address, "--only", "pg.slots").wants(t, exitOK, "slots are in use")
}
