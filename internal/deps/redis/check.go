package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Config describes a check.
type Config struct {
	Server    Server
	Interval  time.Duration // between two readings; 0 reads once
	RateLimit string        // pattern of the keys of rate limits
	Sessions  *Sessions     // nil if they are not compared
	Only      func(id string) bool
}

// checker collects the findings of one server.
type checker struct {
	Config
	checks.List
	session *session
	first   facts // of the first reading; nil without --interval
	now     facts

	firstGap *gap // of the sessions; nil without --interval
}

// Check connects, judges the server and returns the findings.
func Check(ctx context.Context, cfg Config) []finding.Finding {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second+cfg.Interval)
	defer cancel()
	c := &checker{Config: cfg, List: checks.List{Group: "redis", Only: cfg.Only}}
	if !c.connect(ctx) {
		return c.Findings
	}
	defer c.session.close()
	c.beginSessions(ctx)
	c.Run(ctx, []checks.Check{
		{ID: "redis.ping", Run: c.ping},
		{ID: "redis.no-ttl", Run: c.noExpiry}, // waits for the interval
	})
	if c.readAgain(ctx) {
		c.Run(ctx, []checks.Check{
			{ID: "redis.memory", Run: c.memory},
			{ID: "redis.clients", Run: c.clients},
			{ID: "redis.slow", Run: c.slow},
			{ID: "redis.persist", Run: c.persistence},
			{ID: "redis.replica", Run: c.replica},
			{ID: "redis.ratelimit", Run: c.rateLimits},
			{ID: "redis.sessions", Run: c.sessions},
			{ID: "redis.hit", Run: c.hits},
			{ID: "redis.config", Run: c.config},
		})
	}
	return c.Findings
}

func (c *checker) connect(ctx context.Context) bool {
	start := time.Now()
	var err error
	if c.session, err = connect(ctx, c.Server); err != nil {
		c.refused(err)
		return false
	}
	c.session.limits = report.Cell(c.RateLimit, 60)
	if c.now, err = c.session.info(ctx); err != nil {
		c.session.close()
		c.refused(err)
		return false
	}
	if c.now["loading"] == "1" { // INFO is answered already, and nothing else
		c.session.close()
		c.refused(fmt.Errorf("LOADING: %.0f %% of the data is loaded", c.now.number("loading_loaded_perc")))
		return false
	}
	_, _ = c.session.ask(ctx, setName) // a name is not needed, and older users may not set one
	name, version := "Redis", c.now["redis_version"]
	if v := c.now["valkey_version"]; v != "" { // beside the version of Redis that it is like
		name, version = "Valkey", v
	}
	c.Add("redis.connect", finding.Pass, "", nil, "%s %s, %s, answered in %s", name, report.Cell(version, 20), report.Cell(cmp.Or(c.now["role"], c.now["redis_mode"]), 20), report.Duration(time.Since(start)))
	return true
}

// readAgain takes the second reading. The interval is over: redis.no-ttl has waited for it,
// unless it was not wanted.
func (c *checker) readAgain(ctx context.Context) bool {
	if c.Interval <= 0 {
		return true
	}
	if !c.List.Only("redis.no-ttl") && !checks.Wait(ctx, c.Interval) {
		return false
	}
	second, err := c.session.info(ctx)
	if err != nil {
		c.Add("redis.connect", finding.Fail, "the server went away between the two readings", nil, "%s", causeOf(err))
		return false
	}
	c.first, c.now = c.now, second
	return true
}

// rise returns how much a counter grew between the readings; ok is false for one reading.
// A counter that fell began anew.
func (c *checker) rise(name string) (v float64, ok bool) {
	if c.first == nil {
		return 0, false
	}
	was, now := c.first.number(name), c.now.number(name)
	if now < was {
		was = 0
	}
	return now - was, true
}

// hints are the ways out of a refusal, by the beginning of the error. All others have the last.
var hints = []struct{ begin, hint string }{
	{"WRONGPASS", "the user or password is wrong; compare them with those of the MCP server's environment"},
	{"NOAUTH", "the server wants a password: redis://user:password@host in REDIS_URL"},
	{"missing right: ", "an administrator gives it to the user"},
	{"LOADING", "the server loads its data; wait"},
	{"DENIED", "in protected mode the server answers its own machine only: set a password on it, or run mcpdiag there"},
	{"ERR max number of clients", "find the pool that leaks, by CLIENT LIST, or raise maxclients"},
	{"ERR DB index", "the server has no database of this number: compare the path of the address"},
	{"ERR AUTH", "the server has no password, or no users: leave them out of the address"},
	{"ERR Client sent AUTH", "the server has no password: leave it out of the address"},
	{"ERR invalid password", "the user or password is wrong; compare them with those of the MCP server's environment"}, // before Redis 6
	{"x509: ", "--cacert FILE trusts the authority of its certificate, --insecure any"},
	{"tls: ", "does the server speak TLS at this port? redis:// connects without it"},
	{"ERR ", "the server answered, and refused: its log may say why"},
	{"", "is the address right, does the server run, and does a firewall let this machine in?"},
}

func (c *checker) refused(err error) {
	i := slices.IndexFunc(hints, func(h struct{ begin, hint string }) bool { return strings.HasPrefix(cause(err).Error(), h.begin) })
	hint := hints[i].hint
	c.Add("redis.connect", finding.Fail, hint, nil, "%s", causeOf(err))
}

// cause returns the innermost error.
func cause(err error) error {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err
}

func causeOf(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || strings.HasSuffix(err.Error(), "i/o timeout") {
		return "no answer within " + report.Duration(checks.ConnectTime)
	}
	return "no connection: " + report.Cell(cause(err).Error(), 200)
}

// pings is how many PINGs are sent.
const pings = 20

// ping judges the median of some round trips.
func (c *checker) ping(ctx context.Context, id string) error {
	var times []time.Duration
	for range pings {
		start := time.Now()
		if _, err := c.session.ask(ctx, ping); err != nil {
			return err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	median := times[len(times)/2]
	c.Add(id, finding.Graded(median, 10*time.Millisecond, 100*time.Millisecond), "compare redis.slow: a command that takes long holds up all others; else it is the network", nil,
		"%d PINGs: median %s, slowest %s", pings, report.Duration(median), report.Duration(times[len(times)-1]))
	return nil
}
