package arguments

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Where a schema has no bounds, small numbers are the safest: they are often
// counts, sizes and times.
const (
	openLeast = 1
	openMost  = 10
)

// number makes a number within the bounds of s; the upper bound gives way to the lower one.
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

// bounds returns the range of a number; a missing bound is put close to the other.
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

// excluded reports whether v is an exclusive bound.
func (s *schema) excluded(v float64, exclusive any, bound *float64) bool {
	switch e := exclusive.(type) {
	case float64:
		return v == e
	case bool:
		return e && bound != nil && v == *bound
	}
	return false
}

// words returns the words that text is made of.
func words() []string {
	return strings.Fields("leak queue session memory handler timeout request budget report weather museum river")
}

// Word returns the nth of a few harmless words, starting over after the last.
func Word(n int) string {
	all := words()
	return all[n%len(all)]
}

// text makes a string of the format or the length given in s.
func (m *maker) text(s *schema) string {
	if made := m.format(s.Format); made != "" {
		return made
	}
	all := words()
	text := all[m.rand.IntN(len(all))]
	for len(text) < min(s.MinLength, maxText) {
		text += " " + all[m.rand.IntN(len(all))]
	}
	if s.MaxLength != nil && *s.MaxLength >= 0 && *s.MaxLength < len(text) {
		text = text[:*s.MaxLength]
	}
	return text
}

// format makes a string of a named format, "" where the format is unknown.
func (m *maker) format(name string) string {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(m.rand.IntN(365*24*3600)) * time.Second)
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
		return string(AppendUUID(nil, m.rand))
	case "ipv4":
		return fmt.Sprintf("192.0.2.%d", n)
	case "ipv6":
		return fmt.Sprintf("2001:db8::%x", n)
	case "hostname", "idn-hostname":
		return fmt.Sprintf("host%d.example.com", n)
	}
	return ""
}

// AppendUUID appends a random UUID, version 4.
func AppendUUID(dst []byte, r *rand.Rand) []byte {
	var b [16]byte
	for i := range 2 {
		n := r.Uint64()
		for j := range 8 {
			b[8*i+j] = byte(n >> (8 * j))
		}
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	for i, cut := range []int{0, 4, 6, 8, 10} {
		end := []int{4, 6, 8, 10, 16}[i]
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, b[cut:end])
	}
	return dst
}
