package redis

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/mcpdiag/mcpdiag/internal/deps/depstest"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

func dial(t *testing.T, address string) redigo.Conn {
	t.Helper()
	conn, err := redigo.DialURL(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func do(t *testing.T, conn redigo.Conn, name string, args ...any) {
	t.Helper()
	if _, err := conn.Do(name, args...); err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
}

func check(t *testing.T, address string, interval time.Duration) []finding.Finding {
	t.Helper()
	server, err := Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	list := Check(t.Context(), Config{Server: server, Interval: interval, RateLimit: "rate_limit:*", Only: func(string) bool { return true }})
	t.Logf("checked in %s", time.Since(start))
	return list
}

// wants wants one finding of an id with a severity and a part of its text.
func wants(t *testing.T, list []finding.Finding, id string, severity finding.Severity, part string) {
	t.Helper()
	for _, f := range list {
		if f.ID == id && f.Severity == severity && strings.Contains(f.Summary+fmt.Sprint(f.Evidence)+f.Hint, part) {
			return
		}
	}
	t.Errorf("no %s %s with %q in %+v", severity, id, part, list)
}

// A healthy server gives no finding, with one reading and with two.
func TestHealthyRedis(t *testing.T) {
	t.Parallel()
	server := depstest.Redis(t, "--maxmemory", "100mb")
	conn := dial(t, server.Address)
	do(t, conn, "SET", "session:1", "x", "EX", "1000")
	do(t, conn, "SET", "config:1", "x")
	do(t, conn, "SET", "rate_limit:a", "3", "EX", "60")
	do(t, conn, "GET", "session:1")
	for _, interval := range []time.Duration{0, 20 * time.Millisecond} {
		list := check(t, server.Address, interval)
		for _, f := range list {
			if f.Severity.Compare(finding.Info) > 0 && f.ID != "redis.hit" || f.Severity == finding.Info && f.ID != "redis.no-ttl" {
				t.Errorf("%s: %s %s %s", interval, f.Severity, f.ID, f.Summary)
			}
		}
		if len(list) != 11 {
			t.Errorf("%d findings: %+v", len(list), list)
		}
		wants(t, list, "redis.no-ttl", map[bool]finding.Severity{true: finding.Info, false: finding.Pass}[interval == 0], "1 of 3 keys without an expiry")
	}
}

// Connections and keys are counted without the connection that counts.
func TestHeld(t *testing.T) {
	t.Parallel()
	server := depstest.Redis(t)
	conn := dial(t, server.Address)
	dial(t, server.Address)
	do(t, conn, "SET", "a", "x")
	do(t, conn, "SELECT", "3")
	do(t, conn, "SET", "b", "x")
	do(t, conn, "SET", "for a while", "x", "EX", "1000") // it is not held
	s, err := Parse(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := ReadHeld(t.Context(), s); err != nil || h != (Held{2, 2}) {
		t.Errorf("%+v, %v", h, err)
	}
}

// A store that outlives the server's sessions is found, also that the difference grows;
// a server that forgets late is found the other way round; equal counts pass.
func TestSessionStore(t *testing.T) {
	t.Parallel()
	server := depstest.Redis(t)
	conn := dial(t, server.Address)
	for i := range 30 {
		do(t, conn, "SET", fmt.Sprintf("mcp:session:%d", i), "x", "EX", 3600)
	}
	address, err := Parse(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	readings := 0
	compared := func(interval time.Duration, counted func() float64) []finding.Finding {
		readings = 0
		count := func(context.Context) (float64, error) { readings++; return counted(), nil }
		return Check(t.Context(), Config{Server: address, Interval: interval, Only: func(id string) bool { return id == "redis.sessions" }, Sessions: &Sessions{"*session:*", count, "http://server/debug/snapshot"}})
	}
	constant := func(n float64) func() float64 { return func() float64 { return n } }
	depstest.Wants(t, compared(0, constant(30)), "redis.sessions", finding.Pass, "30 sessions in the store (*session:*), 30 counted by")
	depstest.Wants(t, compared(0, constant(12)), "redis.sessions", finding.Warn, "sessions in the store outlive those of the server")
	depstest.Wants(t, compared(0, constant(50)), "redis.sessions", finding.Warn, "the server keeps sessions that have expired")
	depstest.Wants(t, compared(10*time.Millisecond, constant(12)), "redis.sessions", finding.Warn, "went from +18 to +18")
	list := compared(10*time.Millisecond, func() float64 { // sessions end in the server, and stay in the store
		if readings == 1 {
			return 20
		}
		return 5
	})
	depstest.Wants(t, list, "redis.sessions", finding.Fail, "went from +10 to +25 in ")
}

// Planted faults are named: memory at its limit, a rate limit that never resets, a slow
// command, many clients, a save that failed.
func TestPlantedRedis(t *testing.T) {
	t.Parallel()
	server := depstest.Redis(t, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction", "--maxclients", "10", "--enable-debug-command", "yes")
	conn := dial(t, server.Address)
	do(t, conn, "SET", "rate_limit:user-1", "61")
	do(t, conn, "ZADD", "rate_limit:user-2", "1", "a")
	do(t, conn, "SET", "rate_limit:user-3", "1", "EX", "60")
	do(t, conn, "DEBUG", "SLEEP", "0.15")
	for i := 0; ; i++ {
		if _, err := conn.Do("SET", fmt.Sprintf("session:%d", i), strings.Repeat("x", 10_000)); err != nil {
			break // OOM
		}
	}
	for range 7 {
		do(t, dial(t, server.Address), "CLIENT", "SETNAME", "leaky-pool")
	}
	list := check(t, server.Address, 0)
	wants(t, list, "redis.memory", finding.Fail, "policy noeviction")
	wants(t, list, "redis.clients", finding.Warn, "7 connections of leaky-pool from 127.0.0.1")
	wants(t, list, "redis.slow", finding.Fail, "DEBUG: 1 in the slow log")
	wants(t, list, "redis.ratelimit", finding.Fail, "rate_limit:user-1 never resets (TTL -1), its value is 61")
	wants(t, list, "redis.ratelimit", finding.Warn, "rate_limit:user-2 never resets (TTL -1), it has 1 member")
	wants(t, list, "redis.no-ttl", finding.Info, "session:*")
	for _, f := range list {
		if strings.Contains(f.Summary, "user-3") {
			t.Errorf("the one that expires is a finding: %+v", f)
		}
	}
	dial(t, server.Address)
	dial(t, server.Address)
	list = check(t, server.Address, 0)
	wants(t, list, "redis.connect", finding.Fail, "max number of clients reached")
}

// Sessions that are never deleted grow between two readings.
func TestGrowingSessions(t *testing.T) {
	t.Parallel()
	server := depstest.Redis(t)
	conn := dial(t, server.Address)
	done, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				_, _ = conn.Do("SET", fmt.Sprintf("session:%d", i), "x")
			}
		}
	}()
	list := check(t, server.Address, 100*time.Millisecond)
	close(done)
	<-ended
	wants(t, list, "redis.no-ttl", finding.Warn, "session:*")
	wants(t, list, "redis.no-ttl", finding.Warn, "and their number grows")
	wants(t, list, "redis.config", finding.Info, "maxmemory is 0")
}

// A user without rights gets skips that name the right, and no check passes blindly;
// refusals have a hint each.
func TestRedisRights(t *testing.T) {
	t.Parallel()
	server := depstest.Redis(t)
	conn := dial(t, server.Address)
	do(t, conn, "ACL", "SETUSER", "blind", "on", ">secret-word", "-@all", "+info", "+ping")
	do(t, conn, "ACL", "SETUSER", "default", ">other-word", "resetpass", ">other-word")
	at := strings.TrimPrefix(server.Address, "redis://")
	list := check(t, "redis://blind:secret-word@"+at, 0)
	for id, right := range map[string]string{"redis.clients": "ACL SETUSER blind +client|list", "redis.slow": "+slowlog|get", "redis.no-ttl": "+scan", "redis.ratelimit": "+scan", "redis.config": "+config|get"} {
		wants(t, list, id, finding.Skip, right)
	}
	wants(t, check(t, server.Address, 0), "redis.connect", finding.Fail, "NOAUTH")
	list = check(t, "redis://blind:wrong-word@"+at, 0)
	wants(t, list, "redis.connect", finding.Fail, "WRONGPASS")
	if strings.Contains(fmt.Sprint(list), "wrong-word") {
		t.Errorf("the password is shown: %+v", list)
	}
}

// The rights that the documentation names are enough: no check is skipped. They do not
// reach a session.
func TestDocumentedRights(t *testing.T) {
	t.Parallel()
	server := depstest.Redis(t)
	conn := dial(t, server.Address)
	do(t, conn, "SET", "rate_limit:1", "61")
	do(t, conn, "ZADD", "rate_limit:2", "1", "a")
	do(t, conn, "SET", "session:1", "x")
	do(t, conn, "GET", "session:1")
	text, err := os.ReadFile("../../../docs/deps.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "redis-cli ")
	command, _, _ := strings.Cut(rest, "\n")
	var args []any
	for _, part := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(command, -1) {
		args = append(args, strings.Trim(part, "'"))
	}
	do(t, conn, args[0].(string), args[1:]...)
	address := strings.Replace(server.Address, "redis://", "redis://mcpdiag:PASSWORD@", 1)
	list := check(t, address, 0)
	for _, f := range list {
		if f.Severity == finding.Skip {
			t.Errorf("%s %s", f.ID, f.Summary)
		}
	}
	wants(t, list, "redis.ratelimit", finding.Fail, "its value is 61")
	wants(t, list, "redis.ratelimit", finding.Warn, "it has 1 member")
	for _, words := range [][]any{{"GET", "session:1"}, {"SET", "a", "b"}, {"KEYS", "*"}} {
		if _, err := dial(t, address).Do(words[0].(string), words[1:]...); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("%v: %v", words, err)
		}
	}
}

// MONITOR sees nothing of mcpdiag but listed commands.
func TestOnlyListedCommands(t *testing.T) {
	t.Parallel()
	server := depstest.Redis(t)
	conn := dial(t, server.Address)
	for i := range 50 {
		do(t, conn, "SET", fmt.Sprintf("rate_limit:%d", i), i)
	}
	do(t, conn, "ZADD", "rate_limit:z", "1", "a")
	monitor := dial(t, server.Address)
	do(t, monitor, "MONITOR")
	list := check(t, server.Address+"/0", 10*time.Millisecond)
	do(t, conn, "ECHO", "end of the check")
	wants(t, list, "redis.ratelimit", finding.Fail, "more keys of rate limits")
	listed := map[string]bool{}
	for _, w := range words {
		listed[strings.ToLower(strings.Join(w, " "))] = true
	}
	seen := 0
	for {
		line, err := redigo.String(monitor.Receive())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "end of the check") {
			break
		}
		if seen++; !isListed(listed, line) {
			t.Errorf("not in the list: %s", line)
		}
	}
	if seen < 50 {
		t.Errorf("MONITOR saw only %d commands", seen)
	}
}

// isListed reads a line of MONITOR: 1.5 [0 127.0.0.1:1] "CLIENT" "LIST".
func isListed(listed map[string]bool, line string) bool {
	_, rest, _ := strings.Cut(line, "] ")
	var parts []string
	for part := range strings.SplitSeq(rest, `" "`) {
		parts = append(parts, strings.Trim(part, `"`))
	}
	for n := range parts {
		if listed[strings.ToLower(strings.Join(parts[:n+1], " "))] {
			return true
		}
	}
	return false
}
