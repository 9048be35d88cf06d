package redis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"redis://h": "redis://h:6379/0", "rediss://u:p@h:1/2": "rediss://u@h:1/2", "valkey://:p@[::1]": "redis://[::1]:6379/0",
		"http://h": "", "redis://": "", "redis://h/x": "", "redis://u:topsecret@h:port": "",
	} {
		s, err := Parse(address)
		if got := s.String(); err == nil && got != want || err != nil && (want != "" || strings.Contains(err.Error(), "topsecret")) {
			t.Errorf("%s is %s, %v", address, got, err)
		}
	}
}

// Every listed command only reads, and none has a cost that grows with the keys.
func TestCommandsOnlyRead(t *testing.T) {
	t.Parallel()
	allowed := []string{"PING", "INFO", "CLIENT SETNAME", "CLIENT LIST", "SLOWLOG GET", "LATENCY LATEST", "CONFIG GET", "SCAN", "TTL", "TYPE", "GET", "ZCARD"}
	rights := map[command]string{
		ping: "+ping", info: "+info", setName: "+client|setname", clientList: "+client|list", slowLog: "+slowlog|get", latencyLatest: "+latency|latest",
		configGet: "+config|get", scan: "+scan", ttl: "+ttl %R~*", typeOf: "+type %R~*", get: "(+get %R~limit:*)", zcard: "(+zcard %R~limit:*)",
	}
	for c, w := range words {
		if name := strings.Join(w[:min(2, len(w))], " "); !slices.Contains(allowed, name) {
			t.Errorf("%s is not a command that only reads", name)
		}
		if got, want := c.right("limit:*"), rights[c]; got != want {
			t.Errorf("%s needs %s, want %s", w[0], got, want)
		}
	}
	if len(words) != len(allowed) {
		t.Errorf("%d commands, want %d", len(words), len(allowed))
	}
}

// A server that accepts and never answers is given up after the time to connect.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server, err := Parse("redis://:p@" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	list := Check(t.Context(), Config{Server: server, Only: func(string) bool { return true }})
	if len(list) != 1 || !strings.Contains(list[0].Summary, "no answer within 3s") {
		t.Errorf("%+v", list)
	}
}

// A server that loads its data is not one that works, and Valkey is not called Redis.
func TestFirstAnswers(t *testing.T) {
	t.Parallel()
	for facts, want := range map[string]string{
		"redis_version:7.0.15\r\nrole:master\r\nloading:1\r\nloading_loaded_perc:41.70": "fail no connection: LOADING: 42 % of the data is loaded",
		"redis_version:7.2.4\r\nvalkey_version:8.0.1\r\nrole:master\r\nloading:0":       "pass Valkey 8.0.1, master",
	} {
		first := checkOf(t, fmt.Sprintf("$%d\r\n%s\r\n", len(facts), facts))[0]
		if got := string(first.Severity) + " " + first.Summary; !strings.HasPrefix(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The judgements that a test server cannot be brought to.
func TestJudgements(t *testing.T) {
	t.Parallel()
	judged := func(first, now facts, run func(*checker) error) finding.Finding {
		c := &checker{first: first, now: now, Config: Config{Interval: time.Second}}
		if err := run(c); err != nil || len(c.Findings) != 1 {
			t.Fatalf("%v, %+v", err, c.Findings)
		}
		return c.Findings[0]
	}
	memory := func(c *checker) error { return c.memory(t.Context(), "redis.memory") }
	replica := func(c *checker) error { return c.replica(t.Context(), "redis.replica") }
	persist := func(c *checker) error { return c.persistence(t.Context(), "redis.persist") }
	for name, tc := range map[string]struct {
		first, now facts
		run        func(*checker) error
		want       finding.Severity
	}{
		"a full cache":         {nil, facts{"used_memory": "99", "maxmemory": "100", "maxmemory_policy": "allkeys-lru"}, memory, finding.Pass},
		"a full store":         {nil, facts{"used_memory": "99", "maxmemory": "100", "maxmemory_policy": "volatile-lru"}, memory, finding.Fail},
		"evictions":            {facts{"evicted_keys": "5"}, facts{"used_memory": "9", "maxmemory": "100", "maxmemory_policy": "allkeys-lru", "evicted_keys": "7"}, memory, finding.Warn},
		"evictions of old":     {facts{"evicted_keys": "7"}, facts{"used_memory": "9", "evicted_keys": "7"}, memory, finding.Pass},
		"a link that is down":  {nil, facts{"master_link_status": "down"}, replica, finding.Fail},
		"a silent primary":     {nil, facts{"master_link_status": "up", "master_last_io_seconds_ago": "15"}, replica, finding.Warn},
		"a save that failed":   {nil, facts{"rdb_last_bgsave_status": "err"}, persist, finding.Fail},
		"a save that was fine": {nil, facts{"rdb_last_bgsave_status": "ok"}, persist, finding.Pass},
	} {
		if got := judged(tc.first, tc.now, tc.run); got.Severity != tc.want {
			t.Errorf("%s: %s %s, want %s", name, got.Severity, got.Summary, tc.want)
		}
	}
}

// FuzzAnswers wants no answer of a server to break the readers.
func FuzzAnswers(f *testing.F) {
	f.Add("id=3 addr=127.0.0.1:5 name=a idle=4000\nid=4 addr=x", "session:12", int64(1), int64(20), "GET")
	f.Fuzz(func(t *testing.T, list, key string, at, micros int64, name string) {
		for _, text := range append(holders(list), prefixOf(key)) {
			if strings.ContainsAny(text, "\n\x1b") {
				t.Errorf("%q", text)
			}
		}
		if _, took, _, ok := slowEntry([]any{int64(1), at, micros, []any{[]byte(name)}}); ok && took < 0 {
			t.Errorf("%s", took)
		}
	})
}

// With rediss:// a certificate that nobody vouches for is refused, and one of an authority that
// was named is taken.
func TestRedisTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	server, err := Parse("rediss://" + s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	list := Check(t.Context(), Config{Server: server, Only: func(string) bool { return true }})
	if len(list) != 1 || !strings.Contains(list[0].Summary, "certificate") || !strings.Contains(list[0].Hint, "--cacert FILE") {
		t.Errorf("%+v", list)
	}
	trusting := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool(), ServerName: "example.com"}
	trusting.RootCAs.AddCert(s.Certificate())
	list = Check(t.Context(), Config{Server: server.WithTLS(trusting), Only: func(string) bool { return true }})
	if len(list) != 1 || strings.Contains(list[0].Summary, "certificate") {
		t.Errorf("%+v", list)
	}
}

// Keys that begin with random text have no group each, are all counted, and do not look as if
// they grew when others take their place.
func TestCensus(t *testing.T) {
	t.Parallel()
	count := func(prefix string, n int) *census {
		c := &census{groups: map[string]int64{}}
		for i := range n {
			c.add(fmt.Sprintf("%s%06x-x", prefix, i), -1)
		}
		c.add("session:1", 60)
		return c
	}
	first, others, more := count("a", 5000), count("b", 5000), count("a", 5001)
	if got := first.summary(); !strings.HasPrefix(got, "5,000 of 5,001 keys") && !strings.HasPrefix(got, "5000 of 5001 keys") {
		t.Error(got)
	}
	if len(first.groups) > maxGroups+1 || others.grewFrom(first) || !more.grewFrom(first) {
		t.Errorf("%d groups; others %v, more %v", len(first.groups), others.grewFrom(first), more.grewFrom(first))
	}
}

// Each refusal has its own way out.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ERR max number of clients reached": "the pool that leaks", "ERR DB index is out of range": "no database of this number",
		"DENIED Redis is running in protected mode": "protected mode", "WRONGPASS invalid": "is wrong",
		"ERR invalid password": "is wrong", "ERR AUTH <password> called without any password": "no password", "ERR unknown": "its log",
		"tls: first record does not look like a TLS handshake": "redis:// connects without it", "connection refused": "does the server run",
	} {
		c := &checker{}
		if c.refused(errors.New(text)); !strings.Contains(c.Findings[0].Hint, want) {
			t.Errorf("%s: %s", text, c.Findings[0].Hint)
		}
	}
}
