package logline

import "time"

// Clock completes the stamps of one stream, in the order of its lines.
type Clock struct {
	Zone *time.Location // of stamps that have none
	Last time.Time      // no line is later: the file's modification time, or now

	previous int64 // the last resolved time of the program
	seen     bool
}

// slack is how far a stamp without a year may lie after Last.
const slack = 24 * time.Hour

// Resolve returns the time of s in nanoseconds since 1970. A stamp without a year
// gets the newest year that is not after Last; a time of day continues the day of
// the line before and moves to the next day at midnight. A line without a stamp
// inherits the time of the line before; inherited is then true. known is false if
// there is nothing to inherit.
func (c *Clock) Resolve(s Stamp) (nanos int64, inherited, known bool) {
	switch s.Missing {
	case Complete:
		nanos = s.Nanos
	case NoZone:
		nanos = c.local(s.Nanos)
	case NoYear:
		nanos = c.local(c.newestYear(s.Nanos))
	case NoDate:
		nanos = c.onDay(s.Nanos)
	case NoStamp:
		return c.previous, true, c.seen
	}
	c.previous, c.seen = nanos, true
	return nanos, false, true
}

// local reads nanoseconds that were taken for UTC in the clock's zone.
func (c *Clock) local(nanos int64) int64 {
	if c.Zone == nil || c.Zone == time.UTC {
		return nanos
	}
	t := time.Unix(0, nanos).UTC()
	first := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), c.Zone)
	if earlier := first.Add(-time.Hour); earlier.Hour() == first.Hour() {
		first = earlier
	}
	if again := first.Add(time.Hour); c.seen && first.UnixNano() < c.previous-int64(disorder) && again.Hour() == first.Hour() {
		return again.UnixNano() // the end of summer time repeats an hour
	}
	return first.UnixNano()
}

func (c *Clock) newestYear(sinceNewYear int64) int64 {
	limit := c.Last.Add(slack)
	within := time.Unix(0, daysSince1970(2000, 1, 1)*day+sinceNewYear).UTC()
	for year := limit.UTC().Year(); ; year-- {
		t := time.Date(year, within.Month(), within.Day(), within.Hour(), within.Minute(), within.Second(), within.Nanosecond(), time.UTC)
		if !t.After(limit) || year <= 1970 {
			return t.UnixNano()
		}
	}
}

// disorder is how far a line with a time of day may stand behind a later one at midnight.
const disorder = time.Minute

// onDay puts a time of day on the day of the line before, or on the next day if
// that is more than half a day nearer, or on the day before if the lines stand out of order
// at midnight; without a line before, on the day of Last.
func (c *Clock) onDay(ofDay int64) int64 {
	from := c.previous
	if !c.seen {
		from = c.Last.UnixNano()
	}
	t := time.Unix(0, from).In(c.zone())
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, c.zone()).UnixNano()
	nanos := midnight + ofDay
	switch {
	case c.seen && nanos < from-day/2:
		nanos += day
	case c.seen && nanos > from+day-int64(disorder):
		nanos -= day
	case !c.seen && nanos > from:
		nanos -= day
	}
	return nanos
}

func (c *Clock) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}
