package redis

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// memory judges the use of maxmemory. A server that may evict any key is a cache, and is
// full by intention; of others writes fail.
func (c *checker) memory(_ context.Context, id string) error {
	used, limit, policy := c.now.number("used_memory"), c.now.number("maxmemory"), c.now["maxmemory_policy"]
	text := fmt.Sprintf("%s used, no maxmemory", report.MB(used/(1<<20)))
	severity, hint := finding.Pass, ""
	if limit > 0 {
		text = fmt.Sprintf("%s of %s used (%s), policy %s", report.MB(used/(1<<20)), report.MB(limit/(1<<20)), report.Percent(used/limit), report.Cell(policy, 30))
		if !strings.HasPrefix(policy, "allkeys-") {
			severity = finding.Graded(used/limit, 0.8, 0.95)
			hint = "writes fail with OOM at the limit: give keys an expiry (redis.no-ttl), or raise maxmemory"
		}
	}
	if evicted, ok := c.rise("evicted_keys"); ok && evicted > 0 {
		text += fmt.Sprintf(", %.0f keys evicted in %s", evicted, report.Duration(c.Interval))
		if severity == finding.Pass {
			severity, hint = finding.Warn, "sessions and rate limits among them are lost: raise maxmemory, or keep them elsewhere"
		}
	}
	if ratio := c.now.number("mem_fragmentation_ratio"); used > 100<<20 && ratio > 1.5 {
		text += fmt.Sprintf(", fragmentation %.1f", ratio)
	}
	c.Add(id, severity, hint, nil, "%s", text)
	return nil
}

// clients judges the number of connections and shows which clients hold them.
func (c *checker) clients(ctx context.Context, id string) error {
	text, err := redigo.String(c.session.ask(ctx, clientList))
	if err != nil {
		return err
	}
	connected, limit := c.now.number("connected_clients"), c.now.number("maxclients")
	severity := finding.Pass
	if limit > 0 && connected/limit >= 0.8 {
		severity = finding.Warn
	}
	summary := fmt.Sprintf("%.0f of %.0f clients, %.0f blocked", connected, limit, c.now.number("blocked_clients"))
	if rejected, ok := c.rise("rejected_connections"); ok && rejected > 0 {
		severity = finding.Fail
		summary += fmt.Sprintf(", %.0f rejected in %s", rejected, report.Duration(c.Interval))
	} else if total := c.now.number("rejected_connections"); total > 0 {
		summary += fmt.Sprintf(", %.0f rejected since the start", total)
	}
	c.Add(id, severity, "find the pool that leaks, by name or address; CLIENT KILL ID … ends one connection", holders(text), "%s", summary)
	return nil
}

// holders groups the lines of CLIENT LIST by name and address, the largest group first.
func holders(list string) []string {
	type group struct{ n, idle int }
	groups := map[string]group{}
	for row := range strings.Lines(list) {
		f := facts{}
		for field := range strings.FieldsSeq(row) {
			name, value, _ := strings.Cut(field, "=")
			f[name] = value
		}
		host, _, err := net.SplitHostPort(f["addr"])
		if err != nil || f["name"] == "mcpdiag" {
			continue
		}
		key := fmt.Sprintf("%s from %s", report.Cell(cmp.Or(f["name"], "(no name)"), 40), report.Cell(host, 40))
		g := groups[key]
		g.n++
		if f.number("idle") > 3600 {
			g.idle++
		}
		groups[key] = g
	}
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b string) int {
		return cmp.Or(cmp.Compare(groups[b].n, groups[a].n), cmp.Compare(a, b))
	})
	var out []string
	for _, key := range keys[:min(len(keys), 5)] {
		out = append(out, fmt.Sprintf("%s of %s, %d idle for more than an hour", report.Plural(int64(groups[key].n), "connection"), key, groups[key].idle))
	}
	return out
}

// linear are commands whose cost grows with the number of keys or members.
var linear = []string{"KEYS", "SMEMBERS", "HGETALL", "LRANGE", "ZRANGE", "SORT", "SUNION", "SINTER", "FLUSHALL", "FLUSHDB", "DEL"}

// recent is the age up to which an entry of the slow log counts.
const recent = time.Hour

// slow judges the entries of the slow log of the last hour, by command. Arguments are
// not shown: they may be personal data.
func (c *checker) slow(ctx context.Context, id string) error {
	entries, err := redigo.Values(c.session.ask(ctx, slowLog))
	if err != nil {
		return err
	}
	type sum struct {
		n       int
		slowest time.Duration
	}
	sums := map[string]sum{}
	for _, entry := range entries {
		name, took, at, ok := slowEntry(entry)
		if !ok || time.Since(at) > recent {
			continue
		}
		s := sums[name]
		sums[name] = sum{s.n + 1, max(s.slowest, took)}
	}
	var slowest time.Duration
	var evidence []string
	for _, name := range slices.SortedFunc(maps.Keys(sums), func(a, b string) int { return cmp.Compare(sums[b].slowest, sums[a].slowest) }) {
		s := sums[name]
		slowest = max(slowest, s.slowest)
		text := fmt.Sprintf("%s: %d in the slow log, the slowest %s", report.Cell(name, 30), s.n, report.Duration(s.slowest))
		if slices.Contains(linear, name) {
			text += ", its cost grows with the number of keys or members"
		}
		evidence = append(evidence, text)
	}
	if latest, err := redigo.Values(c.session.ask(ctx, latencyLatest)); err == nil && len(latest) > 0 {
		evidence = append(evidence, report.Plural(int64(len(latest)), "event")+" of the latency monitor; redis-cli LATENCY DOCTOR explains them")
	}
	if len(sums) == 0 {
		c.Add(id, finding.Pass, "", nil, "the slow log has no entry of the last hour")
		return nil
	}
	c.Add(id, finding.Graded(slowest, 10*time.Millisecond, 100*time.Millisecond), "SCAN instead of KEYS, smaller collections, UNLINK instead of DEL", evidence,
		"the slowest command of the last hour took %s, by the slow log", report.Duration(slowest))
	return nil
}

// slowEntry reads an entry: id, time, microseconds, command and arguments, client.
func slowEntry(entry any) (name string, took time.Duration, at time.Time, ok bool) {
	fields, err := redigo.Values(entry, nil)
	if err != nil || len(fields) < 4 {
		return "", 0, at, false
	}
	when, err1 := redigo.Int64(fields[1], nil)
	micros, err2 := redigo.Int64(fields[2], nil)
	args, err3 := redigo.Strings(fields[3], nil)
	if err1 != nil || err2 != nil || err3 != nil || len(args) == 0 || micros < 0 || micros > 1e15 {
		return "", 0, at, false
	}
	return strings.ToUpper(args[0]), time.Duration(micros) * time.Microsecond, time.Unix(when, 0), true
}

// persistence judges the last attempts to write to the disk.
func (c *checker) persistence(_ context.Context, id string) error {
	var wrong []string
	for _, name := range []string{"rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status"} {
		if v := c.now[name]; v != "" && v != "ok" {
			wrong = append(wrong, name+" is "+report.Cell(v, 20))
		}
	}
	if len(wrong) > 0 {
		c.Add(id, finding.Fail, "is the disk full, or may the server not write to its folder? Its log says which", nil, "%s", strings.Join(wrong, ", "))
		return nil
	}
	c.Add(id, finding.Pass, "", nil, "no attempt to write failed; %s since the last save", report.Plural(int64(c.now.number("rdb_changes_since_last_save")), "change"))
	return nil
}

// replica judges the link of a replica to its primary.
func (c *checker) replica(_ context.Context, id string) error {
	link, isReplica := c.now["master_link_status"]
	switch {
	case !isReplica:
		c.Add(id, finding.Pass, "", nil, "a primary with %s", report.Plural(int64(c.now.number("connected_slaves")), "replica"))
	case link != "up":
		c.Add(id, finding.Fail, "the data is old: read from the primary until the link is up", nil, "the link to the primary is %s", report.Cell(link, 20))
	default:
		c.Add(id, finding.Graded(c.now.number("master_last_io_seconds_ago"), 10, 60), "the link is up but silent: is the primary busy?", nil, "heard from the primary %.0f s ago", c.now.number("master_last_io_seconds_ago"))
	}
	return nil
}

// hits reports the share of reads that found a key.
func (c *checker) hits(_ context.Context, id string) error {
	found, missed, over := c.now.number("keyspace_hits"), c.now.number("keyspace_misses"), "since the start"
	if rise, ok := c.rise("keyspace_hits"); ok {
		found, over = rise, "in "+report.Duration(c.Interval)
		missed, _ = c.rise("keyspace_misses")
	}
	if found+missed == 0 {
		c.Add(id, finding.Skip, "", nil, "no key was read %s", over)
		return nil
	}
	c.Add(id, finding.Pass, "", nil, "%s of %s reads %s found a key", report.Percent(found/(found+missed)), report.Count(int64(found+missed)), over)
	return nil
}

// config reports settings that end badly.
func (c *checker) config(ctx context.Context, id string) error {
	settings, err := redigo.StringMap(c.session.ask(ctx, configGet, "protected-mode"))
	if err != nil {
		return err
	}
	bind, err := redigo.StringMap(c.session.ask(ctx, configGet, "bind"))
	if err != nil {
		return err
	}
	before := len(c.Findings)
	open := settings["protected-mode"] == "no" && !onlyLoopback(bind["bind"])
	if c.Server.password == "" && (open || !c.Server.loopback()) {
		c.Add(id, finding.Warn, "set a password: an ACL user, or requirepass", nil, "anyone who reaches %s can use the server: it has no password", report.Cell(c.Server.host, 60))
	}
	if c.now.number("maxmemory") == 0 {
		c.Add(id, finding.Info, "CONFIG SET maxmemory, below the memory of the machine", nil, "maxmemory is 0: no limit")
	}
	if len(c.Findings) == before {
		c.Add(id, finding.Pass, "", nil, "a memory limit is set, and others cannot connect without a password")
	}
	return nil
}

// onlyLoopback reports whether all addresses of the setting bind are of the machine itself.
func onlyLoopback(bind string) bool {
	for host := range strings.FieldsSeq(bind) {
		if !client.IsLoopback(strings.TrimPrefix(host, "-")) {
			return false
		}
	}
	return bind != ""
}
