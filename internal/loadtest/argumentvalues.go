package loadtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Where a schema leaves a number open, small ones are the safest guess: they
// are often counts, sizes and times.
const (
	openLeast = 1
	openMost  = 10
)

// number draws a number within the bounds of s; one that cannot be kept gives way.
func (m *maker) number(s *schema, whole bool) float64 {
	least, most := s.bounds()
	step := s.MultipleOf
	if whole {
		step = max(step, 1)
	}
	if !(step > 0) || math.IsInf(step, 0) {
		return least + m.rand.Float64()*(most-least)
	}
	low, high := math.Ceil(least/step), math.Floor(most/step)
	if s.excluded(low*step, s.ExclusiveMinimum, s.Minimum) {
		low++
	}
	if s.excluded(high*step, s.ExclusiveMaximum, s.Maximum) {
		high--
	}
	if !(high > low) {
		return low * step
	}
	return (low + math.Floor(m.rand.Float64()*min(high-low+1, 1<<53))) * step
}

// bounds are where a number may lie, the open side at a small distance.
func (s *schema) bounds() (least, most float64) {
	low, high := s.Minimum, s.Maximum
	if v, ok := s.ExclusiveMinimum.(float64); ok {
		low = &v
	}
	if v, ok := s.ExclusiveMaximum.(float64); ok {
		high = &v
	}
	span := max(s.MultipleOf, 1) * (openMost - openLeast)
	switch {
	case low != nil && high != nil:
		return *low, max(*low, *high)
	case low != nil:
		return *low, *low + span
	case high != nil && *high < openLeast:
		return *high - span, *high
	case high != nil:
		return min(openLeast, *high), *high
	}
	return openLeast, openLeast + span
}

// excluded reports whether v is a bound that is itself not allowed.
func (s *schema) excluded(v float64, exclusive any, bound *float64) bool {
	switch e := exclusive.(type) {
	case float64:
		return v == e
	case bool:
		return e && bound != nil && v == *bound
	}
	return false
}

var words = strings.Fields("leak queue session memory handler timeout request budget report weather museum river")

// text makes a string of the format or the length that s asks for.
func (m *maker) text(s *schema) string {
	if made := m.format(s.Format); made != "" {
		return made
	}
	text := words[m.rand.IntN(len(words))]
	for len(text) < min(s.MinLength, maxText) {
		text += " " + words[m.rand.IntN(len(words))]
	}
	if s.MaxLength != nil && *s.MaxLength >= 0 && *s.MaxLength < len(text) {
		text = text[:*s.MaxLength]
	}
	return text
}

// someDay is where drawn dates begin.
var someDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (m *maker) format(name string) string {
	at := someDay.Add(time.Duration(m.rand.IntN(365*24*3600)) * time.Second)
	n := m.rand.IntN(250) + 1
	switch name {
	case "date":
		return at.Format(time.DateOnly)
	case "date-time":
		return at.Format(time.RFC3339)
	case "time":
		return at.Format("15:04:05Z07:00")
	case "duration":
		return fmt.Sprintf("PT%dM", n)
	case "email", "idn-email":
		return fmt.Sprintf("user%d@example.com", n)
	case "uri", "iri", "uri-reference":
		return fmt.Sprintf("https://example.com/%d", n)
	case "uuid":
		return string(appendUUID(nil, m.rand))
	case "ipv4":
		return fmt.Sprintf("192.0.2.%d", n)
	case "ipv6":
		return fmt.Sprintf("2001:db8::%x", n)
	case "hostname", "idn-hostname":
		return fmt.Sprintf("host%d.example.com", n)
	}
	return ""
}

// newRand is the random numbers of one purpose in a run with a seed.
func newRand(seed, purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, purpose)) //nolint:gosec // not a secret
}
