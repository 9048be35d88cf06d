package snapshot

import "bytes"

// seenCall is a call of the previous document. A trace has most calls many times, and only
// their duration differs.
type seenCall struct {
	head, tail []byte // the object around the digits of its duration
	call       Call
}

// seenCalls are the calls of the previous document and of the current one, in order.
type seenCalls struct {
	before, now []*seenCall
	next        int    // in before: the first that may come again
	digits      [2]int // where the duration of the last call lies
}

// maxAhead is how many calls may have ended between two that come again.
const maxAhead = 8

// repeated reads a call, from its brace, that the previous document had, too.
func (d *decoder) repeated(c *Call) bool {
	seen := &d.seen
	for i, s := range seen.before[seen.next:min(seen.next+maxAhead, len(seen.before))] {
		rest, same := bytes.CutPrefix(d.data[d.at:], s.head)
		n := decimalEnd(rest)
		if !same || !bytes.HasPrefix(rest[n:], s.tail) {
			continue
		}
		if v, ok := decimal(rest[:n]); n > 0 && ok {
			*c = s.call
			c.DurationMs = d.amounts.put(v)
			d.at += len(s.head) + n + len(s.tail)
			seen.next += i + 1
			seen.now = append(seen.now, s)
			return true
		}
	}
	return false
}

// call reads a call in flight, from its brace.
func (d *decoder) call(c *Call) error {
	if d.repeated(c) {
		return nil
	}
	start := d.at
	err := readObject(d, callMembers, c)
	if err != nil || !d.trace || c.DurationMs == nil || len(d.s.Warnings) > 0 {
		return err
	}
	object := bytes.Clone(d.data[start:d.at])
	digits := d.seen.digits
	d.seen.now = append(d.seen.now, &seenCall{object[:digits[0]-start], object[digits[1]-start:], *c})
	return nil
}
