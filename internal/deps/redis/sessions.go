package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Sessions say how the sessions that the server of this store counts are compared with
// those in the store.
type Sessions struct {
	Pattern string                                 // of the keys, one for each session
	Count   func(context.Context) (float64, error) // as the MCP server or its proxy counts
	Of      string                                 // where it was read
}

// gap is a reading of both counts.
type gap struct {
	stored, counted float64
	at              time.Time
}

// more is how many sessions the store holds that the server does not count.
func (g gap) more() float64 { return g.stored - g.counted }

// The least difference that is a finding: some sessions begin or end between the readings.
const (
	gapLeast = 10
	gapShare = 0.1
)

// readGap counts the sessions in the store and those of the server.
func (c *checker) readGap(ctx context.Context) (gap, error) {
	keys := map[string]bool{} // SCAN may return a key twice
	complete, err := c.keys(ctx, c.Sessions.Pattern, func(some []string) error {
		for _, key := range some {
			keys[key] = true
		}
		return nil
	})
	if err != nil {
		return gap{}, err
	}
	if !complete {
		return gap{}, fmt.Errorf("not all keys could be read in %s", report.Duration(scanTime))
	}
	counted, err := c.Sessions.Count(ctx)
	if err != nil {
		return gap{}, fmt.Errorf("reading the sessions of the server: %w", err)
	}
	return gap{float64(len(keys)), counted, time.Now()}, nil
}

// sessions compares the sessions that the store holds with those that the server counts,
// and the difference with that of an interval before. A server that forgets expired
// sessions only when they come back has a difference that does not grow for ever.
func (c *checker) sessions(ctx context.Context, id string) error {
	if c.Sessions == nil {
		return nil // nobody asked
	}
	now, err := c.readGap(ctx)
	if err != nil {
		return err
	}
	first, twice := c.firstGap, c.firstGap != nil
	text := fmt.Sprintf("%s in the store (%s), %.0f counted by %s", report.Plural(int64(now.stored), "session"), report.Cell(c.Sessions.Pattern, 40), now.counted, report.Cell(c.Sessions.Of, 80))
	if twice {
		text += fmt.Sprintf("; the difference went from %+.0f to %+.0f in %s", first.more(), now.more(), report.Duration(now.at.Sub(first.at)))
	}
	more := now.more()
	wide := max(more, -more) >= max(gapLeast, gapShare*max(now.stored, now.counted))
	hint := "sessions in the store outlive those of the server: delete the key when a session ends, and give it an expiry. With several replicas, compare with the proxy before all of them"
	if more < 0 {
		hint = "the server keeps sessions that have expired in the store: remove them by a timer too, not only when their client comes back; mcpdiag leaktest --factors abandoned measures what each keeps"
	}
	switch grown := twice && max(more, -more) > max(first.more(), -first.more())+1; {
	case wide && grown:
		c.Add(id, finding.Fail, hint, nil, "%s, and it grows", text)
	case wide:
		c.Add(id, finding.Warn, hint+". --interval shows whether the difference grows", nil, "%s", text)
	default:
		c.Add(id, finding.Pass, "", nil, "%s", text)
	}
	return nil
}

// beginSessions takes the first reading of two.
func (c *checker) beginSessions(ctx context.Context) {
	if c.Sessions == nil || c.Interval <= 0 || !c.List.Only("redis.sessions") {
		return
	}
	if g, err := c.readGap(ctx); err == nil { // the second reading says why it cannot be read
		c.firstGap = &g
	}
}
