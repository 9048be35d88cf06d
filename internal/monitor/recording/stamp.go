package recording

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// timeLayouts are those of Python's isoformat and str, with and without a time
// zone; all accept fractions of a second. A time without a zone is local.
var timeLayouts = []string{
	time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", time.DateTime,
}

func parseTime(text string) (time.Time, bool) {
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, true
		}
	}
	seconds, err := strconv.ParseFloat(text, 64)
	return epoch(seconds), err == nil && seconds >= 0 && seconds < 1e11
}

func epoch(seconds float64) time.Time {
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9))
}

// stampForms are the time stamps that a line of a log may begin with.
var stampForms = []struct {
	shape   *regexp.Regexp
	layouts []string // none: seconds since 1970
}{
	{regexp.MustCompile(`^\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|[+-]\d\d:?\d\d))?\]?`),
		[]string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z0700", "2006-01-02 15:04:05 Z0700", "2006-01-02T15:04:05", time.DateTime}},
	{regexp.MustCompile(`^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:[AP]M )?[A-Z]{3,5} \d{4}`),
		[]string{time.UnixDate, "Mon Jan _2 03:04:05 PM MST 2006"}},
	{regexp.MustCompile(`^\d\d:\d\d:\d\d(?: [AP]M)?`), []string{"03:04:05 PM", time.TimeOnly}},
	{regexp.MustCompile(`^1\d{9}(?:\.\d+)?(?:\s|$)`), nil},
}

// cutStamp splits a time stamp off the start of a line.
func cutStamp(line string) (at time.Time, rest string, ok bool) {
	for _, form := range stampForms {
		stamp := form.shape.FindString(line)
		if stamp == "" {
			continue
		}
		rest = strings.TrimSpace(line[len(stamp):])
		text := strings.Trim(stamp, "[] \t")
		if form.layouts == nil {
			at, ok = parseTime(text)
			return at, rest, ok
		}
		for _, layout := range form.layouts {
			if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
				return t, rest, true
			}
		}
	}
	return time.Time{}, line, false
}

// clock gives each reading of a log its time.
type clock struct {
	now   time.Time
	every time.Duration
}

// set takes a time stamp. One without a date that goes back has passed midnight.
func (c *clock) set(at time.Time) {
	for at.Year() == 0 && !c.now.IsZero() && c.now.Year() <= 1 && at.Before(c.now) {
		at = at.AddDate(0, 0, 1)
	}
	c.now = at
}

// tick begins the next reading of lines without time stamps.
func (c *clock) tick() {
	if c.now.IsZero() {
		c.now = time.Unix(0, 0)
		return
	}
	c.now = c.now.Add(c.every)
}
