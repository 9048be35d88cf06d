package deps

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// checkIDs are those of all checks; a test compares them with docs/deps.md.
const checkIDs = "pg.connect pg.slots pg.idle-tx pg.blocked pg.long pg.statements pg.seqscan pg.index pg.vacuum pg.wrap pg.horizon " +
	"pg.replica pg.rates pg.conn-leak pg.settings pgb.pools pgb.clients redis.connect redis.ping redis.memory redis.clients redis.slow redis.persist " +
	"redis.replica redis.no-ttl redis.ratelimit redis.sessions redis.hit redis.config rabbit.connect rabbit.login rabbit.guest rabbit.api rabbit.clock " +
	"rabbit.alarms rabbit.health rabbit.nodes rabbit.queues rabbit.churn s3.connect s3.clock s3.rights s3.latency s3.uploads " +
	"prom.connect prom.clock prom.targets prom.rules prom.alerts prom.series prom.latency prom.errors prom.throttled " +
	"am.connect am.clock am.alerts am.silenced " +
	"kube.connect kube.pods kube.memory kube.restarts kube.limits kube.probes kube.grace kube.affinity kube.events kube.usage kube.scaling"

// Checks returns the ids of all checks.
func Checks() []string { return strings.Fields(checkIDs) }

// CheckOnly refuses patterns that no check has: nothing would be checked.
func CheckOnly(patterns []string) error {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%s: not a pattern", pattern)
		}
		if !slices.ContainsFunc(Checks(), func(id string) bool { return matches(pattern, id) }) {
			return fmt.Errorf("%s: there is no such check%s; want ids as the report has them, such as pg.slots or 'redis.*'",
				pattern, report.DidYouMean(report.Closest(pattern, Checks())))
		}
	}
	return nil
}

// wanted reports whether a check is to run.
func (cfg Config) wanted(id string) bool {
	return len(cfg.Only) == 0 || slices.ContainsFunc(cfg.Only, func(pattern string) bool { return matches(pattern, id) })
}

// matches reports whether an id is one of a pattern, which CheckOnly has seen.
func matches(pattern, id string) bool {
	ok, _ := path.Match(pattern, id)
	return ok
}
