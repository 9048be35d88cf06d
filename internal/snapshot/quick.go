package snapshot

import (
	"math"
)

// quick reads a document of the usual shape several times as fast as decoder
// does. It gives up on whatever is not usual: an escape in a string, a field
// that is not known or stands there twice, a value that a field cannot mean.
// What it does read, decoder would read just so, without a warning.
type quick struct {
	text   string // the strings of the snapshot are pieces of it
	at     int
	failed bool
	arena
}

// decode returns nil where it gives up.
func (q *quick) decode(text string) *Snapshot {
	q.text, q.at, q.failed = text, 0, false
	s := keep(&q.snapshots, Snapshot{})
	var seen fields
	q.object(&seen, func(name string) { q.field(s, name) })
	q.space()
	if q.failed || seen == 0 || q.at != len(q.text) || !distinct(s.ToolCallStack) {
		return nil
	}
	return s
}

func (q *quick) field(s *Snapshot, name string) {
	switch name {
	case "timestamp":
		s.Timestamp = q.time()
	case "activeSessions":
		s.ActiveSessions = q.count()
	case "toolCallStack":
		q.stack(s)
	case "handlerQueue":
		q.queue(s)
	case "heapUsedMB":
		s.HeapUsedMB = q.amount()
	case "rssMB":
		s.RSSMB = q.amount()
	case "pid":
		s.PID = q.count()
	case "startTime":
		s.StartTime = q.time()
	case "uptimeMs":
		s.UptimeMs = q.amount()
	case "poll":
		q.poll(s)
	default:
		q.total(s, name)
	}
}

func (q *quick) total(s *Snapshot, name string) {
	switch name {
	case "sessionsCreatedTotal":
		s.SessionsCreatedTotal = q.count()
	case "sessionsClosedTotal":
		s.SessionsClosedTotal = q.count()
	case "oldestSessionAgeMs":
		s.OldestSessionAgeMs = q.amount()
	case "openStreams":
		s.OpenStreams = q.count()
	case "callsTotal":
		s.CallsTotal = q.count()
	case "errorsTotal":
		s.ErrorsTotal = q.count()
	case "handlers":
		q.handlers(s)
	default:
		q.failed = true
	}
}

func (q *quick) stack(s *Snapshot) {
	begin := len(q.calls)
	if !q.open('[') {
		q.failed = true
		return
	}
	if q.open(']') {
		s.ToolCallStack = []Call{}
		return
	}
	for !q.failed {
		c := keep(&q.calls, Call{})
		var seen fields
		q.object(&seen, func(name string) { q.call(c, name) })
		if !q.more(']') {
			break
		}
	}
	s.ToolCallStack = q.calls[begin:len(q.calls):len(q.calls)]
	q.failed = q.failed || len(s.ToolCallStack) > MaxStack
}

func (q *quick) call(c *Call, name string) {
	switch name {
	case "id":
		c.ID = q.word()
	case "name":
		c.Name = q.word()
	case "durationMs":
		c.DurationMs = q.amount()
	case "parentId":
		c.ParentID = q.word()
	case "sessionId":
		c.SessionID = q.word()
	case "handler":
		c.Handler = q.word()
	case "startedAt":
		c.StartedAt = q.time()
	default:
		q.failed = true
	}
}

func (q *quick) queue(s *Snapshot) {
	s.HandlerQueue = q.newQueue()
	q.object(nil, func(name string) {
		_, twice := s.HandlerQueue[name]
		depth := q.number()
		if twice || depth != math.Trunc(depth) || len(s.HandlerQueue) >= MaxStack {
			q.failed = true
			return
		}
		s.HandlerQueue[name] = int64(depth)
	})
}

func (q *quick) handlers(s *Snapshot) {
	s.Handlers = map[string]Handler{}
	q.object(nil, func(name string) {
		_, twice := s.Handlers[name]
		var h Handler
		var seen fields
		q.object(&seen, func(field string) {
			switch field {
			case "calls":
				h.Calls = q.count()
			case "errors":
				h.Errors = q.count()
			case "retainedMB":
				h.RetainedMB = q.amount()
			default:
				q.failed = true
			}
		})
		s.Handlers[name] = h
		q.failed = q.failed || twice || len(s.Handlers) >= MaxStack
	})
}

func (q *quick) poll(s *Snapshot) {
	p := keep(&q.polls, Poll{})
	s.Poll = p
	var seen fields
	q.object(&seen, func(name string) {
		switch name {
		case "at":
			if t := q.time(); t != nil {
				p.At = *t
			}
		case "target":
			p.Target = q.word()
		case "latencyMs":
			p.LatencyMs = q.number()
		case "firstByteMs":
			p.FirstByteMs = q.number()
		case "dnsMs":
			p.DNSMs = q.number()
		case "connectMs":
			p.ConnectMs = q.number()
		case "tlsMs":
			p.TLSMs = q.number()
		case "intervalMs":
			p.IntervalMs = q.number()
		case "error":
			p.Error = q.word()
		default:
			q.failed = true // skipped and restarted are rare
		}
	})
}

// distinct reports whether each call has an id of its own.
func distinct(calls []Call) bool {
	if len(calls) > 64 { // pairs would take too long
		ids := make(map[string]bool, len(calls))
		for i := range calls {
			ids[calls[i].ID] = true
		}
		return len(ids) == len(calls) && !ids[""]
	}
	for i := range calls {
		if calls[i].ID == "" {
			return false
		}
		for j := range calls[:i] {
			if calls[i].ID == calls[j].ID {
				return false
			}
		}
	}
	return true
}

// fields is the set of the members of an object that were seen, by a hash of
// their names: two that fall together are taken for the same, and quick gives up.
type fields uint64

func (f *fields) first(name string) bool {
	if name == "" {
		return false
	}
	bit := fields(1) << ((uint(name[0]) + 2*uint(name[len(name)-1]) + 31*uint(len(name))) % 64)
	first := *f&bit == 0
	*f |= bit
	return first
}

// object reads an object and calls member for each of its members, which must
// read its value. Where seen is given, each stands there once.
func (q *quick) object(seen *fields, member func(name string)) {
	if !q.open('{') {
		q.failed = true
		return
	}
	if q.open('}') {
		return
	}
	for !q.failed {
		name := q.word()
		if !q.open(':') || seen != nil && !seen.first(name) {
			q.failed = true
			return
		}
		q.space()
		member(name)
		if !q.more('}') {
			return
		}
	}
}

// open reads c, where it comes next.
func (q *quick) open(c byte) bool {
	q.space()
	if q.at < len(q.text) && q.text[q.at] == c {
		q.at++
		return true
	}
	return false
}

// more reads a comma, after which there is more, or the end.
func (q *quick) more(end byte) bool {
	if q.failed || q.open(',') {
		return !q.failed
	}
	q.failed = !q.open(end)
	return false
}

func (q *quick) space() {
	for q.at < len(q.text) {
		switch q.text[q.at] {
		case ' ', '\t', '\r', '\n':
			q.at++
		default:
			return
		}
	}
}

// word reads a string of printable ASCII without escapes.
func (q *quick) word() string {
	if !q.open('"') {
		q.failed = true
		return ""
	}
	begin := q.at
	for q.at < len(q.text) {
		c := q.text[q.at]
		if c == '"' {
			q.at++
			q.failed = q.failed || q.at-begin > MaxName
			return q.text[begin : q.at-1]
		}
		if c < ' ' || c == '\\' || c > '~' {
			break
		}
		q.at++
	}
	q.failed = true
	return ""
}

// number reads a number that is not negative, of at most 15 digits and without
// exponent: those are exact as the quotient of two exact numbers.
func (q *quick) number() float64 {
	begin, point, whole := q.at, -1, 0.0
	for ; q.at < len(q.text); q.at++ {
		c := q.text[q.at]
		if c == '.' && point < 0 && q.at > begin {
			point = q.at
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		whole = 10*whole + float64(c-'0')
	}
	digits := q.at - begin // and the point
	leading := digits > 1 && q.text[begin] == '0' && point != begin+1
	if digits == 0 || digits > 16 || whole > maxCount || leading || point == q.at-1 || q.at < len(q.text) && (q.text[q.at]|0x20 == 'e') {
		q.failed = true
		return 0
	}
	if point >= 0 {
		return whole / math.Pow10(q.at-point-1)
	}
	return whole
}

func (q *quick) amount() *float64 { return keep(&q.amounts, q.number()) }

func (q *quick) count() *int64 {
	v := q.number()
	if v != math.Trunc(v) || v > maxCount {
		q.failed = true
	}
	return keep(&q.counts, int64(v))
}

func (q *quick) time() *Time {
	t, err := timeFromNumber(q.number())
	q.failed = q.failed || err != nil
	return keep(&q.times, t)
}
