package rabbitmq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Bounds of reading queues.
const (
	pageSize = 500
	maxPages = 10
	maxShown = 10
)

// manyUnacked is the number of messages that a consumer without a prefetch limit holds
// from which it is a finding.
const manyUnacked = 1000

type queue struct {
	Name      string `json:"name"`
	Vhost     string `json:"vhost"`
	Type      string `json:"type"`
	State     string `json:"state"`
	Ready     int64  `json:"messages_ready"`
	Unacked   int64  `json:"messages_unacknowledged"`
	Consumers int64  `json:"consumers"`
}

func (q queue) key() string { return q.Vhost + "\x00" + q.Name }

func (q queue) String() string {
	return fmt.Sprintf("%s in %s", report.Cell(q.Name, 60), report.Cell(q.Vhost, 30))
}

// readQueues returns the queues, at most maxPages of them; complete is false if there are
// more.
func (c *checker) readQueues(ctx context.Context) (all []queue, complete bool, err error) {
	for page := 1; page <= maxPages; page++ {
		var answer struct {
			Items []queue `json:"items"`
			Pages int     `json:"page_count"`
		}
		query := url.Values{"page": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(pageSize)}, "columns": {"name,vhost,type,state,messages_ready,messages_unacknowledged,consumers"}}
		if err := c.get(ctx, "/api/queues", query, &answer); err != nil {
			return nil, false, err
		}
		all = append(all, answer.Items...)
		if page >= answer.Pages {
			return all, true, nil
		}
	}
	return all, false, nil
}

// prefetch sums the limits of the consumers of each queue; a consumer without one makes
// it -1.
func (c *checker) prefetch(ctx context.Context) (map[string]int64, error) {
	var consumers []struct {
		Prefetch int64 `json:"prefetch_count"`
		Queue    queue `json:"queue"`
	}
	err := c.get(ctx, "/api/consumers", url.Values{"columns": {"prefetch_count,queue.name,queue.vhost"}}, &consumers)
	sums := map[string]int64{}
	for _, consumer := range consumers {
		key := consumer.Queue.key()
		if sums[key] < 0 || consumer.Prefetch <= 0 {
			sums[key] = -1
		} else {
			sums[key] += consumer.Prefetch
		}
	}
	return sums, err
}

// queues judges each queue, over the interval if there is one.
func (c *checker) queues(ctx context.Context, id string) error {
	total, err := c.first()
	if err != nil {
		return err
	}
	first, complete, err := c.readQueues(ctx)
	if err != nil {
		return err
	}
	if complete && int64(len(first)) < total.Totals.Queues {
		return &checks.MissingRightError{Right: fmt.Sprintf("the user sees %d of %s: rabbitmqctl set_permissions -p VHOST %s '' '' ''", len(first), report.Plural(total.Totals.Queues, "queue"), report.Cell(c.Address.user(), 40))}
	}
	limits, err := c.prefetch(ctx)
	if err != nil {
		return err
	}
	before := map[string]queue{}
	now := first
	if c.Interval > 0 {
		for _, q := range first {
			before[q.key()] = q
		}
		if !checks.Wait(ctx, c.Interval) {
			return errors.New("interrupted between the two readings")
		}
		if now, complete, err = c.readQueues(ctx); err != nil {
			return err
		}
	}
	c.judgeQueues(id, before, now, limits)
	if len(c.Findings) == 0 || c.Findings[len(c.Findings)-1].ID != id {
		more := ""
		if !complete {
			more = " of more"
		}
		c.Add(id, finding.Pass, "", nil, "%s%s, each with messages has a consumer that keeps up", report.Plural(int64(len(now)), "queue"), more)
	}
	return nil
}

// problem is a fault of a queue.
type problem struct {
	severity   finding.Severity
	messages   int64
	text, hint string
}

func (c *checker) judgeQueues(id string, before map[string]queue, now []queue, limits map[string]int64) {
	var all []problem
	for _, q := range now {
		was, known := before[q.key()]
		all = append(all, q.problems(was, known, limits[q.key()])...)
	}
	slices.SortStableFunc(all, func(a, b problem) int {
		return cmp.Or(b.severity.Compare(a.severity), cmp.Compare(b.messages, a.messages))
	})
	for _, p := range all[:min(len(all), maxShown)] {
		c.Add(id, p.severity, p.hint, nil, "%s", p.text)
	}
	if len(all) > maxShown {
		c.Add(id, finding.Warn, "rabbitmqctl list_queues name messages consumers", nil, "%d more findings about queues", len(all)-maxShown)
	}
}

// problems judges a queue; was is its earlier reading, prefetch the sum of the limits of
// its consumers.
func (q queue) problems(was queue, twice bool, prefetch int64) (all []problem) {
	grown := ""
	if twice && q.Ready > was.Ready {
		grown = fmt.Sprintf(", %s more in the interval", report.Count(q.Ready-was.Ready))
	}
	add := func(s finding.Severity, hint, format string, args ...any) {
		all = append(all, problem{s, q.Ready + q.Unacked, fmt.Sprintf(format, args...), hint})
	}
	if q.State != "" && q.State != "running" && q.State != "idle" && q.State != "flow" {
		add(finding.Fail, "rabbitmqctl list_unresponsive_queues, and the log", "the queue %s is %s", q, report.Cell(q.State, 30))
	}
	if q.Type == "stream" { // it keeps messages that were read
		return all
	}
	switch {
	case q.Consumers == 0 && q.Ready > 0 && grown != "":
		add(finding.Fail, "start its consumer, or give the queue a limit: max-length or message-ttl by a policy", "the queue %s has no consumer and %s%s", q, report.Plural(q.Ready, "message"), grown)
	case q.Consumers == 0 && q.Ready > 0:
		add(finding.Warn, "start its consumer; for a queue of dead letters, read why they failed. --interval shows whether it grows", "the queue %s has no consumer and %s", q, report.Plural(q.Ready, "message"))
	case q.Consumers > 0 && prefetch > 0 && q.Unacked >= prefetch && q.Ready > 0:
		add(finding.Warn, "its consumers are slow, or do not acknowledge: compare with mcpdiag flame, and raise the prefetch only if they are fast", "all %s of the queue %s hold as many messages as their prefetch lets them (%s), and %s wait%s",
			report.Plural(q.Consumers, "consumer"), q, report.Count(q.Unacked), report.Count(q.Ready), grown)
	case q.Consumers > 0 && grown != "":
		add(finding.Warn, "more arrives than is consumed: add consumers", "the queue %s has %s waiting%s", q, report.Plural(q.Ready, "message"), grown)
	}
	switch {
	case twice && q.Unacked > was.Unacked && prefetch < 0:
		add(finding.Warn, "does the code acknowledge each message, also after an error? Set a prefetch", "the queue %s has %s that nobody acknowledged, %s more in the interval, and a consumer without a prefetch limit", q, report.Plural(q.Unacked, "message"), report.Count(q.Unacked-was.Unacked))
	case prefetch < 0 && q.Unacked >= manyUnacked*max(q.Consumers, 1):
		add(finding.Warn, "does the code acknowledge each message, also after an error? Set a prefetch", "the queue %s has %s that nobody acknowledged, and a consumer without a prefetch limit", q, report.Plural(q.Unacked, "message"))
	}
	return all
}
