package logs

import (
	"errors"
	"time"
)

// ParseMoment reads a time as a duration before now, such as 2h, or as RFC 3339. No text is
// the zero time.
func ParseMoment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return time.Now().Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, errors.New("want a duration before now, such as 2h, or a time such as 2026-11-25T09:00:00Z")
	}
	return t, nil
}
