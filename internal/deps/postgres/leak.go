package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// The signs of a pool that opens connections and keeps them.
const (
	leakShare = 0.1 // more connections a transaction
	leakLeast = 3   // more connections in the interval
)

// pool is the sessions of one application from one address.
type pool struct{ application, user, client string }

func (p pool) String() string {
	return fmt.Sprintf("%s (%s) from %s", report.Cell(p.application, 40), report.Cell(p.user, 30), report.Cell(p.client, 40))
}

type poolUse struct {
	sessions, idle int           // idle for more than an hour
	oldest         time.Duration // in its state
}

// pools groups the sessions of clients.
func pools(all []backend) map[pool]poolUse {
	groups := map[pool]poolUse{}
	for _, b := range all {
		if b.kind != "client backend" {
			continue
		}
		key := pool{b.application, b.user, b.client}
		use := groups[key]
		use.sessions++
		use.oldest = max(use.oldest, b.inState)
		if b.state == "idle" && b.inState > time.Hour {
			use.idle++
		}
		groups[key] = use
	}
	return groups
}

// connectionLeak compares the connections of each application with those of an interval
// before, and with the transactions in between: a pool that grows with each call leaks.
func (c *checker) connectionLeak(ctx context.Context, id string) error {
	first, err := c.sessions()
	if err != nil {
		return err
	}
	if c.Interval <= 0 {
		c.largestPool(id, pools(first))
		return nil
	}
	before, err := c.session.ask(ctx, databaseCounters)
	if err != nil {
		return err
	}
	if c.transactions != nil { // pg.rates has waited
		before = c.transactions
	}
	if !c.pause() {
		return errors.New("interrupted between the two readings")
	}
	second, err := c.backends(ctx)
	if err != nil {
		return err
	}
	after, err := c.session.ask(ctx, databaseCounters)
	if err != nil {
		return err
	}
	calls := max(0, after[0].number(2)-before[0].number(2)) + max(0, after[0].number(3)-before[0].number(3))
	c.growingPools(id, pools(first), pools(second), calls)
	return nil
}

// growingPools reports the pools that grew, calls being the transactions meanwhile.
func (c *checker) growingPools(id string, first, second map[pool]poolUse, calls float64) {
	before := len(c.Findings)
	for _, p := range sortedPools(second) {
		grown := second[p].sessions - first[p].sessions
		if grown < leakLeast || float64(grown) < leakShare*calls {
			continue
		}
		c.Add(id, finding.Warn, "a connection that is not given back after a call? mcpdiag leaktest --postgres counts connections per call", nil,
			"%s opened %d more connections in %s than it closed, at %.0f transactions of the database: %d now", p, grown, report.Duration(c.Interval), calls, second[p].sessions)
	}
	c.Found(before, id, "no application opened connections in %s that it kept", report.Duration(c.Interval))
}

// largestPool shows the application with the most connections.
func (c *checker) largestPool(id string, all map[pool]poolUse) {
	names := sortedPools(all)
	if len(names) == 0 {
		c.Add(id, finding.Pass, "", nil, "no client is connected")
		return
	}
	use := all[names[0]]
	c.Add(id, finding.Pass, "", nil, "most connections: %s, %d, of them %d idle for more than an hour, the oldest for %s; --interval shows whether they grow", names[0], use.sessions, use.idle, report.Duration(use.oldest))
}

func sortedPools(all map[pool]poolUse) []pool {
	return slices.SortedFunc(maps.Keys(all), func(a, b pool) int {
		return cmp.Or(cmp.Compare(all[b].sessions, all[a].sessions), cmp.Compare(a.String(), b.String()))
	})
}
